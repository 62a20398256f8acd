// The part of ClientSession that answers without a server what a server has answered before, to the
// same statement in the same session: most of what clients say when they connect.
//
//   SET, SHOW ──▶ known? ──yes──▶ answered
//                  │no
//                  ▼ a server answers ──▶ nothing but the session decides? ──yes──▶ learned
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/certainty.h"
#include "session/client_login_state.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/relay.h"
#include "session/set_batch.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

const pool::KnownAnswer* ClientSession::known_answer(std::string_view text) {
  if (state_ != State::kIdle) return nullptr;
  wire::ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  return pool != nullptr ? pool->known_answers().find(settings_, text) : nullptr;
}

void ClientSession::take_over(const pool::KnownAnswer& known) {
  for (const auto& [name, value] : known.reported) note_dialect(name, value);
  settings_ = known.after;
}

bool ClientSession::answer_as_known(std::string_view text) {
  const pool::KnownAnswer* known = known_answer(text);
  if (known == nullptr) return false;
  drop_unnamed_statement();
  take_over(*known);
  reply(known->frames);
  return true;
}

// A SET by the extended protocol. All messages of its batch are there: what follows the Parse is
// dropped, up to the Sync.
bool ClientSession::answer_batch_as_known(Bytes ahead) {
  if (query_.command != sql::Command::kSet || !query_.single || !pools_transactions()) return false;
  const auto batch = read_set_batch(ahead);
  const pool::KnownAnswer* known = batch ? known_answer(batch->text) : nullptr;
  if (known == nullptr) return false;
  keep_unnamed_statement(batch->rest, query_);
  batch_answer_ = std::make_unique<std::string>(batch->answer(known->frames));
  take_over(*known);
  return true;
}

// The first batch of a lease is about to be sent: a query. If it comes first outside of a
// transaction, it may be worth remembering.
void ClientSession::begin_lesson(std::string_view text) {
  // A server that is about to be replaced may be the last that answers so.
  const server::Pipeline& pipeline = server_->pipeline();
  const bool first = pipeline.owed_ready() == 0 && !pipeline.batch_open() &&
                     !server_->beginning() && pipeline.status() == wire::TransactionStatus::kIdle;
  const bool fits = first && !read_ && !pins_.any() && !server_->close_when_released &&
                    text.size() <= pool::KnownAnswers::kLongestText && pools_transactions() &&
                    is_certain(query_, text, dialect_, settings_);
  if (fits) lesson_ = std::make_unique<Lesson>(Lesson{settings_, std::string(text), {}});
}

// The lease is over, and the server goes.
void ClientSession::end_lesson() {
  const auto lesson = std::move(lesson_);
  if (batches_sent_ != batches_before_lease_ + 1) return;
  auto answer = lesson->answer();
  if (!answer) return;
  answer->after = settings_;
  lease_pool_->known_answers().learn(lesson->before, lesson->text, std::move(*answer));
}

}  // namespace pgsaba::session
