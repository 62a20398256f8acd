#include "pgsaba/pool/known_answers.h"

namespace pgsaba::pool {

const KnownAnswer* KnownAnswers::find(const server::SettingsRef& before,
                                      std::string_view text) const {
  const auto found = answers_.find(QuestionView{before.get(), text});
  return found == answers_.end() ? nullptr : &found->second;
}

// Once there are too many, all are asked for again: what is asked often is soon known.
void KnownAnswers::learn(server::SettingsRef before, std::string text, KnownAnswer answer) {
  if (text.size() > kLongestText) return;
  if (answers_.size() >= kMost) answers_.clear();
  answers_.insert_or_assign(Question{std::move(before), std::move(text)}, std::move(answer));
}

}  // namespace pgsaba::pool
