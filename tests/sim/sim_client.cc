#include "sim/sim_client.h"

#include <algorithm>
#include <cctype>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "sim/back_end.h"
#include "sim/tag.h"
#include "sim/trace.h"

namespace pgsaba::sim {
namespace {

// Some of pgsaba's answers differ from PostgreSQL's by design: a statement known by several names
// is called by any of them in errors, one that its server has yet to learn cannot be described or
// found to be a duplicate inside a failed transaction, and a failed transaction without a server
// knows no other error, and is not ended by a text of several statements. (One more: see
// lost_block_.) Nor can it be taught an unnamed statement there. `status` may be that of a later
// message.
bool tolerated(const wire::ErrorFields& error, std::string_view expected, char status) {
  const bool fails = expected.size() > wire::kHeaderBytes && expected[0] == 'E';
  const bool ends = expected.substr(0, wire::kHeaderBytes + 8).ends_with("ROLLBACK");
  if (error.sqlstate == "25P02") return status == 'E' || fails || ends;
  if (!fails) return false;
  const auto due = wire::read_error(bytes_of(expected.substr(wire::kHeaderBytes))).sqlstate;
  return (error.sqlstate == "42P05" && due == "42P05") ||
         (error.sqlstate == "26000" && due == "25P02" && error.message.starts_with("unnamed"));
}

// Brings one cancel request, and goes.
class CancelCaller final : public Actor {
 public:
  CancelCaller(SimKernel& kernel, const wire::CancelKey& key) : kernel_(kernel) {
    socket_ = kernel.dial(*this);
    std::string request;
    wire::append_cancel_request(request, key);
    kernel.actor_send(socket_, request);
  }
  void arrived(net::Socket) override {
    kernel_.actor_read(socket_);
    if (!kernel_.actor_sees_end(socket_)) return;
    kernel_.actor_close(socket_, false);
  }

 private:
  SimKernel& kernel_;
  net::Socket socket_;
};

}  // namespace

SimClient::SimClient(int id, SimKernel& kernel, Judge& judge, ClientHabits habits,
                     WorkloadHabits workload)
    : id_(id),
      kernel_(kernel),
      judge_(judge),
      habits_(habits),
      workload_(id, workload, kernel.random),
      direct_(default_settings()) {
  direct_.hear_nothing();
}

void SimClient::accuse(const std::string& what) {
  judge_.accuse("client " + std::to_string(id_) + ": " + what);
}

std::string SimClient::describe() const {
  return "client " + std::to_string(id_) + (in_ ? "" : " not logged in") + ", sent " +
         std::to_string(batches_sent_) + " batches, owed " + std::to_string(owed_) +
         " ReadyForQuery, received " + std::to_string(received_) + " bytes, status " + status_ +
         (leaving_ ? ", leaving" : "") + (copy_begun_ ? ", in COPY" : "") +
         (bereaved_ ? ", lost a server" : "");
}

void SimClient::finish() {
  if (std::exchange(finished_, true)) return;
  if (socket_ != net::kNoSocket) kernel_.actor_close(socket_, kernel_.random.chance(20));
}

// ---- from the server ---------------------------------------------------------------------------

void SimClient::begin() {
  judge_.progress(id_);
  socket_ = kernel_.dial(*this);
  const std::string application = "c" + std::to_string(id_) + "x0";
  wire::ParameterList parameters = {
      {"user", "u"}, {"database", "db"}, {"application_name", application}};
  direct_.set_startup("application_name", application);
  if (habits_.own_time_zone) {
    parameters.emplace_back("TimeZone", "Europe/Berlin");
    direct_.set_startup("TimeZone", "Europe/Berlin");
  }
  std::string startup;
  wire::append_startup(startup, wire::kProtocol30, parameters);
  kernel_.actor_send(socket_, startup);
}

void SimClient::arrived(net::Socket) {
  if (finished_ || std::exchange(reading_, true)) return;
  kernel_.at(kernel_.now + kernel_.random.between<Micros>(0, habits_.read_delay_us),
             [this] { read(); });
}

void SimClient::read() {
  reading_ = false;
  if (finished_) return;
  take(kernel_.actor_read(socket_));
  if (!finished_ && kernel_.actor_sees_end(socket_)) on_end();
}

void SimClient::take(std::string bytes) {
  if (bytes.empty()) return;
  judge_.progress(id_);
  buffer_ += bytes;
  std::size_t used = 0;
  while (!finished_ && buffer_.size() >= used + wire::kHeaderBytes) {
    const std::size_t length =
        1 + load_be32(reinterpret_cast<const std::uint8_t*>(buffer_.data()) + used + 1);
    if (buffer_.size() < used + length) break;
    const std::string frame = buffer_.substr(used, length);
    used += length;
    trace(id_, kernel_.now, "client <-", frame);
    if (about_notifications(frame)) continue;
    if (const auto other = find_client(frame); other && *other != id_)
      accuse("gets bytes of client " + std::to_string(*other) + ": " + printable(frame));
    if (in_) compare(frame);
    on_frame(frame[0], std::string_view(frame).substr(wire::kHeaderBytes));
  }
  buffer_.erase(0, used);
}

void SimClient::compare(std::string_view frame) {
  received_ += frame.size();
  if (bereaved_) return;
  const bool error = frame[0] == 'E';
  const auto fields =
      error ? wire::read_error(bytes_of(frame.substr(wire::kHeaderBytes))) : wire::ErrorFields{};
  if (error && explained(frame, fields)) return;
  while (expected_.size() < frame.size() && direct_.has_message())
    direct_.run(judge_.was_cancelled(direct_.run_name()), expected_);
  if (expected_.starts_with(frame)) {
    expected_.erase(0, frame.size());
    return;
  }
  // A death shows without an error of its own where nothing can fail (an empty query), where a SET
  // was undone by a rollback that was not the server's, and behind an error that ended a block.
  const bool silent = frame[0] == 'Z' && (frame.back() == 'E' || expected_.starts_with('S') ||
                                          (expected_[0] == 'Z' && expected_.back() == 'E'));
  if (judge_.deaths > 0 && silent) {
    judge_.felt_death(id_);
  } else if (error && fields.sqlstate == "26000" && direct_.used_forgotten_unnamed()) {
    ++judge_.given_up;
  } else if (error && (tolerated(fields, expected_, direct_.status()) ||
                       (lost_block_ && fields.sqlstate == "25P02"))) {
    ++judge_.given_up;
  } else {
    const auto [got, due] = std::ranges::mismatch(frame, expected_);
    const auto at = static_cast<std::size_t>(got - frame.begin());
    accuse("gets " + printable(frame) + " where a direct connection gives " + printable(expected_) +
           "; they differ from byte " + std::to_string(at) + " on: " + printable(frame.substr(at)) +
           " and " + printable(std::string_view(expected_).substr(at)));
  }
  bereaved_ = true;
}

// They come when they come, so a direct connection is no measure.
bool SimClient::about_notifications(std::string_view frame) {
  const std::string_view body = frame.substr(wire::kHeaderBytes);
  if (frame[0] == 'N' && frame.find("notifications may have been missed") != frame.npos) {
    for (auto& [channel, ear] : ears_) ear.gap = true;
    return true;
  }
  if (frame[0] != 'A') return false;
  const std::string channel(body.substr(4).data());
  on_notification(channel, std::string(body.substr(4 + channel.size() + 1).data()));
  return true;
}

// Each once, in the order of the commits, and none is left out from its LISTEN on.
void SimClient::on_notification(const std::string& channel, const std::string& payload) {
  ++judge_.heard;
  if (bereaved_) return;
  const auto found = ears_.find(channel);
  if (found == ears_.end()) return accuse("hears of " + channel + ": " + payload);
  if (status_ != 'I' && owed_ == 0) accuse("hears of " + channel + " inside a transaction");
  Ear& ear = found->second;
  const auto& all = judge_.notified_on(channel);
  const auto place =
      std::find(all.begin() + static_cast<std::ptrdiff_t>(ear.next), all.end(), payload);
  if (place == all.end()) return accuse("hears twice, or too late: " + payload);
  const auto number = static_cast<std::size_t>(place - all.begin());
  if (number > std::max(ear.next, ear.first) && !std::exchange(ear.gap, false))
    accuse("has not heard " + all[std::max(ear.next, ear.first)] + " before " + payload);
  ear.next = number + 1;
}

// The batch is over, with success or not: what it listens to is known, and its own notifications
// have come.
void SimClient::settle_ears() {
  if (bereaved_) return;
  const auto& listens = direct_.belongings().channels();
  if (!copy_.listens.empty()) {
    if (!listens.contains(copy_.listens)) {
      ears_.erase(copy_.listens);
    } else if (Ear& ear = ears_[copy_.listens]; ear.first == std::string::npos) {
      ear.first = judge_.notified_on(copy_.listens).size();
    }
  }
  // Whoever has said Terminate already is not kept waiting for what it notified.
  if (judge_.deaths > 0 || judge_.reconnected || status_ != 'I' || leaving_) return;
  const std::string own = "@c" + std::to_string(id_) + ".";
  for (const auto& [channel, ear] : ears_) {
    const auto& all = judge_.notified_on(channel);
    for (std::size_t i = std::max(ear.next, ear.first); i < all.size(); ++i)
      if (owed_ == 0 && all[i].starts_with(own)) accuse("has not heard its own " + all[i]);
  }
}

// For nothing: no server was free, or none could be reached.
static bool has_waited(const wire::ErrorFields& error) {
  return error.sqlstate == "53300" || error.message.ends_with(" within query_wait");
}

// Errors that a direct connection would not give.
bool SimClient::explained(std::string_view frame, const wire::ErrorFields& error) {
  if (error.fatal()) return true;  // see on_error
  const bool waited = has_waited(error);
  if (error.sqlstate.starts_with("08") && !waited) {  // no back end here ever says so
    judge_.felt_death(id_);
    bereaved_ = true;
    return true;
  }
  if (error.message == "too many clients keep a server connection to themselves") {
    ++judge_.pins_refused;
    if (direct_.at_rest()) accuse("may not wait to keep a server: " + printable(frame));
    direct_.refuse_message(expected_);
    return true;
  }
  const bool cancelled = error.sqlstate == "57014" && !error.detail.empty();
  if (!waited && !cancelled) return false;
  if (cancelled && !judge_.takes_answer(id_)) accuse("is cancelled without having asked for it");
  if (waited) refused(error);
  if (direct_.status() != 'I' && !direct_.in_unsent_block())
    accuse("is refused inside a transaction: " + printable(frame));
  lost_block_ |= direct_.status() != 'I';
  direct_.refuse_batch(expected_);
  return true;
}

void SimClient::refused(const wire::ErrorFields& error) {
  ++judge_.refused;
  if (kernel_.now - waiting_since_ < habits_.query_wait_us)
    accuse("is refused before query_wait: " + error.message + " " + error.detail);
}

void SimClient::on_frame(char tag, std::string_view body) {
  switch (tag) {
    case 'K':
      if (const auto key = wire::read_backend_key(bytes_of(body))) key_ = *key;
      break;
    case 'Z':
      on_ready(body[0]);
      break;
    case 'G':
      answer_copy(true);
      break;
    case 'E':
      on_error(body);
      break;
    default:
      break;
  }
}

void SimClient::on_ready(char status) {
  status_ = status;
  if (!in_) {
    in_ = true;
    return plan();
  }
  if (--owed_ < 0) accuse("gets a ReadyForQuery that it did not ask for");
  if (status == 'I') ++judge_.transactions;
  ++batches_done_;
  settle_ears();
  copy_ = {};
  copy_begun_ = false;
  plan();
}

void SimClient::on_error(std::string_view body) {
  const auto error = wire::read_error(bytes_of(body));
  if (!error.fatal()) return answer_copy(false);
  farewell_ = true;
  if (error.sqlstate == "53300" && error.detail.ends_with("for: PREPARE.")) {
    ++judge_.pins_refused;  // that it cannot be moved was not foreseen
  } else if (error.sqlstate == "53300" && error.detail.ends_with("for: LISTEN.") &&
             (judge_.deaths > 0 || judge_.reconnected)) {
    ++judge_.pins_refused;  // nor that the connection that listens for all is lost
  } else if (has_waited(error) || error.sqlstate == "57P03") {
    refused(error);
  } else if (error.sqlstate.starts_with("08") && (!in_ || habits_.session_pooling)) {
    // Its server died during the login, or was all that its session is.
    judge_.felt_death(id_);
  } else {
    accuse("is sent away: " + error.sqlstate + " " + error.message);
  }
}

// The end comes unannounced when a server died in the middle of a message, or when a full socket
// had no room for the reason.
void SimClient::on_end() {
  const bool lacks_words = !farewell_ && (leaving_ ? lacks_answers() : true);
  if (lacks_words && judge_.deaths > 0 && !bereaved_) {
    judge_.felt_death(id_);
  } else if (lacks_words && leaving_) {
    accuse("said Terminate and lacks " + std::to_string(owed_) +
           " answers: " + printable(expected_));
  } else if (lacks_words && !bereaved_ && kernel_.habits.short_write_percent == 0) {
    accuse("loses its connection without a word");
  }
  finish();
}

bool SimClient::lacks_answers() {
  if (bereaved_) return owed_ > 0;
  while (direct_.has_message()) direct_.run(judge_.was_cancelled(direct_.run_name()), expected_);
  return owed_ > 0 || !expected_.empty();
}

// ---- to the server -----------------------------------------------------------------------------

void SimClient::plan() {
  if (finished_ || std::exchange(planned_, true)) return;
  kernel_.at(kernel_.now + kernel_.random.between<Micros>(0, habits_.think_us), [this] {
    planned_ = false;
    act();
  });
}

void SimClient::act() {
  if (finished_ || leaving_ || pausing_ || copy_.copy != CopyStyle::kNone) return;
  if (copy_.exclusive && owed_ > 0) return;
  if (kernel_.random.chance(habits_.vanish_percent)) return finish();
  const bool over = batches_sent_ >= static_cast<std::size_t>(habits_.batches);
  const bool hasty = over && kernel_.random.chance(habits_.hasty_percent);
  if (over && owed_ > 0 && !hasty) return;
  if (over) {
    leaving_ = true;
    std::string farewell;
    wire::append_terminate(farewell);
    return say_now(farewell);
  }
  if (owed_ >= habits_.depth) return;
  send_batch();
  plan();
}

void SimClient::send_batch() {
  const bool alone = owed_ == 0;
  Batch batch = workload_.next(status_, alone);
  ++batches_sent_;
  owed_ += batch.owed_ready;
  if (alone) waiting_since_ = kernel_.now;
  if (!batch.listens.empty()) {
    const std::size_t sent = judge_.notified_on(batch.listens).size();
    ears_.try_emplace(batch.listens, Ear{sent, std::string::npos});
  }
  const std::string bytes = batch.bytes;
  copy_ = std::move(batch);
  say(bytes, true);
  maybe_cancel();
}

// The server asks for the data of a COPY, or has refused it. Once.
void SimClient::answer_copy(bool begun) {
  if (copy_.copy != CopyStyle::kAsk || copy_begun_) return;
  copy_begun_ = true;
  say(begun ? copy_.copy_data : copy_.copy_ready, begun);
}

void SimClient::say(std::string bytes, bool may_pause) {
  if (pausing_) {
    held_back_ += bytes;
    return;
  }
  if (may_pause && bytes.size() > 1 && kernel_.random.chance(habits_.pause_percent)) {
    const std::size_t cut = kernel_.random.between<std::size_t>(1, bytes.size() - 1);
    held_back_ = bytes.substr(cut);
    bytes.resize(cut);
    pausing_ = true;
    kernel_.at(kernel_.now + kernel_.random.between<Micros>(10, 5'000), [this] { say_rest(); });
  }
  say_now(bytes);
}

void SimClient::say_rest() {
  if (finished_) return;
  pausing_ = false;
  say_now(std::exchange(held_back_, {}));
  plan();
}

void SimClient::say_now(const std::string& bytes) {
  judge_.progress(id_);
  trace(id_, kernel_.now, "client ->", bytes);
  direct_.feed(bytes);
  kernel_.actor_send(socket_, bytes);
}

void SimClient::maybe_cancel() {
  if (!kernel_.random.chance(habits_.cancel_percent)) return;
  kernel_.at(kernel_.now + kernel_.random.between<Micros>(0, 8'000), [this] {
    judge_.cancel_sent(id_);
    kernel_.keep(std::make_unique<CancelCaller>(kernel_, key_));
  });
}

}  // namespace pgsaba::sim
