#include "null_session.h"

#include <algorithm>
#include <utility>

#include "sockets.h"

namespace bench {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} << 10U;
constexpr int kMaxBlocksPerTurn = 16;  // so that one reader cannot starve the others
constexpr std::uint32_t kTextType = 25;

// Not a parameter of PostgreSQL: how many messages all sessions have sent after their logins.
constexpr std::string_view kMessageCount = "bench.messages";

std::string_view take_text(std::string_view& body) {
  const std::size_t end = std::min(body.find('\0'), body.size());
  const std::string_view text = body.substr(0, end);
  body.remove_prefix(std::min(end + 1, body.size()));
  return text;
}

}  // namespace

void RowStream::start(char tag, std::uint64_t rows, std::size_t row_bytes) {
  std::string one;
  {
    Message message(one, tag);
    if (tag == 'D') message.int16(1).int32(static_cast<std::uint32_t>(row_bytes));
    message.bytes(std::string(row_bytes, 'x'));
  }
  message_size = one.size();
  bytes_left = rows * one.size();
  block.clear();
  const std::size_t copies = std::min<std::uint64_t>(rows, 1 + kBlockBytes / one.size());
  for (std::size_t i = 0; i < copies; ++i) block += one;
}

bool NullSession::consume(std::string_view bytes) {
  if (input_.empty()) {
    input_.append(bytes.substr(process(bytes)));
  } else {
    input_.append(bytes);
    input_.erase(0, process(input_));
  }
  return state_ != State::kClosed;
}

std::size_t NullSession::process(std::string_view bytes) {
  std::size_t done = 0;
  while (state_ != State::kClosed && !is_busy()) {
    const std::string_view rest = bytes.substr(done);
    const std::size_t size =
        state_ == State::kStartup ? process_startup(rest) : process_message(rest);
    if (size == 0) break;
    done += size;
  }
  return done;
}

std::size_t NullSession::process_startup(std::string_view bytes) {
  if (bytes.size() < 2 * kLengthSize) return 0;
  const std::size_t size = read_int32(bytes.data());
  if (size < 2 * kLengthSize) state_ = State::kClosed;
  if (bytes.size() < size) return 0;
  const std::uint32_t code = read_int32(bytes.data() + kLengthSize);
  if (code == kSslRequest || code == kGssEncRequest) {
    out_.push_back('N');
  } else if (code >> 16U != kProtocol30 >> 16U) {  // CancelRequest among them
    state_ = State::kClosed;
  } else {
    std::string_view body = bytes.substr(2 * kLengthSize, size - 2 * kLengthSize);
    for (std::string_view name = take_text(body); !name.empty(); name = take_text(body)) {
      settings_.add_default(name, take_text(body));
    }
    state_ = State::kLoginWaits;
    if (!delays_login_) finish_login();
  }
  return size;
}

void NullSession::finish_login() {
  state_ = State::kReady;
  Message(out_, 'R').int32(0);
  settings_.report_all(reporter());
  Message(out_, 'K').int32(static_cast<std::uint32_t>(fd_)).int32(0x5ABA5ABA);
  ready();
  const std::string waiting = std::exchange(input_, {});
  if (!waiting.empty()) consume(waiting);
}

std::size_t NullSession::process_message(std::string_view bytes) {
  if (bytes.size() < kHeaderSize) return 0;
  const std::size_t length = read_int32(bytes.data() + 1);
  if (length < kLengthSize) state_ = State::kClosed;
  if (bytes.size() < length + 1) return 0;
  handle(bytes.front(), bytes.substr(kHeaderSize, length - kLengthSize));
  return length + 1;
}

void NullSession::handle(char tag, std::string_view body) {
  ++messages_;
  if (tag == 'S') {
    skips_to_sync_ = false;
    return ready();
  }
  if (tag == 'X') state_ = State::kClosed;
  if (skips_to_sync_) return;
  switch (tag) {
    case 'Q':
      return handle_query(take_text(body));
    case 'P':
      return handle_parse(body);
    case 'B':
      return handle_bind(body);
    case 'D':
      return handle_describe(body);
    case 'E':
      return handle_execute(body);
    case 'C':
      return handle_close(body);
    default:
      return;  // Flush: everything is sent at once anyway
  }
}

void NullSession::handle_query(std::string_view sql) {
  const auto pieces = split_statements(sql);
  if (pieces.empty()) append_message(sink(), 'I');
  for (const std::string_view piece : pieces) {
    answer(read_statement(piece), true);
    if (std::exchange(skips_to_sync_, false)) break;  // a simple query is its own Sync
  }
  ready();
}

void NullSession::handle_parse(std::string_view body) {
  const std::string name(take_text(body));
  const std::string_view sql = take_text(body);
  if (!name.empty() && statements_.contains(name)) {
    return fail("42P05", "prepared statement \"" + name + "\" already exists");
  }
  statements_.insert_or_assign(name, std::string(sql));
  append_message(sink(), '1');
}

void NullSession::handle_bind(std::string_view body) {
  const std::string portal(take_text(body));
  const std::string name(take_text(body));
  const auto found = statements_.find(name);
  if (found == statements_.end()) {
    return fail("26000", "prepared statement \"" + name + "\" does not exist");
  }
  portals_.insert_or_assign(portal, found->second);
  append_message(sink(), '2');
}

void NullSession::handle_describe(std::string_view body) {
  const bool is_statement = !body.empty() && body.front() == 'S';
  const auto& from = is_statement ? statements_ : portals_;
  body.remove_prefix(std::min<std::size_t>(1, body.size()));
  const auto found = from.find(take_text(body));
  if (found == from.end()) return fail(is_statement ? "26000" : "34000", "nothing to describe");
  if (is_statement) {
    const std::uint16_t count = count_parameters(found->second);
    Message message(sink(), 't');
    message.int16(count);
    for (int i = 0; i < count; ++i) message.int32(kTextType);
  }
  describe(read_statement(found->second));
}

void NullSession::handle_execute(std::string_view body) {
  const auto found = portals_.find(take_text(body));
  if (found == portals_.end()) return fail("34000", "portal does not exist");
  answer(read_statement(found->second), false);
}

void NullSession::handle_close(std::string_view body) {
  auto& from = !body.empty() && body.front() == 'S' ? statements_ : portals_;
  body.remove_prefix(std::min<std::size_t>(1, body.size()));
  const auto found = from.find(take_text(body));
  if (found != from.end()) from.erase(found);
  append_message(sink(), '3');
}

void NullSession::describe(const NullStatement& statement) {
  if (!statement.returns_rows()) {
    append_message(sink(), 'n');
    return;
  }
  constexpr std::uint16_t kAnyLength = 0xFFFF;
  constexpr std::uint32_t kNoModifier = 0xFFFFFFFF;
  Message message(sink(), 'T');
  message.int16(statement.columns());
  for (int i = 0; i < statement.columns(); ++i) {
    message.text("value").int32(0).int16(0).int32(kTextType);
    message.int16(kAnyLength).int32(kNoModifier).int16(0);
  }
}

void NullSession::answer(const NullStatement& statement, bool with_description) {
  if (statement.kind == NullStatement::Kind::kEmpty) {
    append_message(sink(), 'I');
    return;
  }
  if (stream_.bytes_left > 0)
    return fail("0A000", "nothing may follow a large result in one query");
  if (with_description && statement.returns_rows()) describe(statement);
  apply(statement);
  if (statement.kind == NullStatement::Kind::kRows) {
    stream_.start('D', statement.rows, statement.row_bytes);
  } else if (statement.returns_rows()) {
    answer_row(statement);
  }
  if (statement.kind == NullStatement::Kind::kCopyOut) answer_copy(statement);
  Message(sink(), 'C').text(statement.tag);
}

void NullSession::answer_row(const NullStatement& statement) {
  constexpr std::uint32_t kNull = 0xFFFFFFFF;
  Message row(sink(), 'D');
  const auto add = [&row](std::string_view value) {
    row.int32(static_cast<std::uint32_t>(value.size())).bytes(value);
  };
  row.int16(statement.columns());
  if (statement.kind == NullStatement::Kind::kRow) return add(statement.value);
  if (statement.kind != NullStatement::Kind::kQuestion) return add(shown(statement.name));
  add("s");
  add(statement.name);
  const auto value = settings_.value_of(statement.name);
  value ? add(*value) : static_cast<void>(row.int32(kNull));
}

std::string NullSession::shown(const std::string& parameter) const {
  if (parameter == kMessageCount) return std::to_string(messages_);
  return settings_.value_of(parameter).value_or("1");
}

void NullSession::answer_copy(const NullStatement& statement) {
  Message(sink(), 'H').byte('\0').int16(1).int16(0);
  stream_.start('d', statement.rows, statement.row_bytes);
  append_message(sink(), 'c');
}

void NullSession::apply(const NullStatement& statement) {
  if (statement.kind == NullStatement::Kind::kBegin) transaction_status_ = 'T';
  if (statement.kind == NullStatement::Kind::kEnd) transaction_status_ = 'I';
  if (statement.tag == "DISCARD ALL" || statement.tag == "DEALLOCATE ALL") statements_.clear();
  apply_setting(statement);
}

void NullSession::apply_setting(const NullStatement& statement) {
  using Kind = NullStatement::Kind;
  if (statement.kind == Kind::kSet || statement.kind == Kind::kSetConfig)
    settings_.set(statement.name, statement.value, reporter());
  if (statement.kind == Kind::kReset) settings_.reset(statement.name, reporter());
  if (statement.kind == Kind::kResetAll || statement.tag == "DISCARD ALL")
    settings_.reset_all(reporter());
}

void NullSession::fail(std::string_view sqlstate, std::string_view message) {
  Message error(sink(), 'E');
  error.byte('S').text("ERROR").byte('V').text("ERROR");
  error.byte('C').text(sqlstate).byte('M').text(message).byte('\0');
  skips_to_sync_ = true;
  if (transaction_status_ == 'T') transaction_status_ = 'E';
}

NullSettings::Report NullSession::reporter() {
  return [this](std::string_view name, std::string_view value) {
    Message(sink(), 'S').text(name).text(value);
  };
}

void NullSession::ready() { Message(sink(), 'Z').byte(transaction_status_); }

bool NullSession::flush() {
  while (has_output()) {
    while (sent_ < out_.size()) {
      const long sent = transmit(fd_, out_.data() + sent_, out_.size() - sent_);
      if (sent <= 0) return sent < 0;
      sent_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    sent_ = 0;
    if (stream_.bytes_left == 0) break;
    if (!send_stream()) return false;
    if (stream_.bytes_left > 0) return true;
    out_.swap(after_stream_);
    const std::string waiting = std::exchange(input_, {});
    if (!waiting.empty() && !consume(waiting)) return false;
  }
  return true;
}

bool NullSession::send_stream() {
  for (int i = 0; i < kMaxBlocksPerTurn && stream_.bytes_left > 0; ++i) {
    const std::uint64_t left_in_message = stream_.bytes_left % stream_.message_size;
    const std::size_t at = left_in_message == 0 ? 0 : stream_.message_size - left_in_message;
    const std::size_t size = std::min<std::uint64_t>(stream_.block.size() - at, stream_.bytes_left);
    const long sent = transmit(fd_, stream_.block.data() + at, size);
    if (sent <= 0) return sent < 0;
    stream_.bytes_left -= static_cast<std::uint64_t>(sent);
  }
  return true;
}

}  // namespace bench
