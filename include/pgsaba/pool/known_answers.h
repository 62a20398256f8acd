// KnownAnswers: what a pool's servers have answered to statements whose answer depends on nothing
// but the statement's text and the parameters of the session that says it: most of what clients
// say when they connect. The same words in the same session get the same answer, without a server.
// Learned anew when servers vanish or are replaced. Bounded. Owned by a pool; one thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "pgsaba/server/settings.h"
#include "pgsaba/wire/startup.h"

namespace pgsaba::pool {

struct KnownAnswer {
  std::string frames;            // without ReadyForQuery
  wire::ParameterList reported;  // of ParameterStatus, among the frames
  server::SettingsRef after;     // the session's parameters from then on
};

class KnownAnswers {
 public:
  static constexpr std::size_t kMost = 512;
  static constexpr std::size_t kLongestText = 256;

  // `before`: interned by the worker. Null: nobody has asked so far.
  const KnownAnswer* find(const server::SettingsRef& before, std::string_view text) const;
  void learn(server::SettingsRef before, std::string text, KnownAnswer answer);
  void forget_all() { answers_.clear(); }
  std::size_t size() const { return answers_.size(); }

 private:
  struct Question {
    server::SettingsRef before;
    std::string text;
  };
  struct QuestionView {
    const server::Settings* before = nullptr;
    std::string_view text;
  };
  static QuestionView view(const Question& one) { return {one.before.get(), one.text}; }
  static QuestionView view(const QuestionView& one) { return one; }
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's word
    std::size_t operator()(const auto& question) const {
      const QuestionView one = view(question);
      return std::hash<std::string_view>()(one.text) ^
             std::hash<const void*>()(one.before) * 0x9e3779b97f4a7c15U;
    }
  };
  struct Same {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's word
    bool operator()(const auto& left, const auto& right) const {
      return view(left).before == view(right).before && view(left).text == view(right).text;
    }
  };
  std::unordered_map<Question, KnownAnswer, Hash, Same> answers_;
};

}  // namespace pgsaba::pool
