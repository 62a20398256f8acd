// One connection to the null server: reads requests, answers them at once.
// Large results stream from one shared block, so that they cost no memory however long they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "message.h"
#include "null_settings.h"
#include "null_statement.h"

namespace bench {

// A run of equal messages still to be sent.
struct RowStream {
  std::string block;             // as many whole messages as fit a good write
  std::size_t message_size = 0;  // of one of them
  std::uint64_t bytes_left = 0;

  void start(char tag, std::uint64_t rows, std::size_t row_bytes);
};

class NullSession {
 public:
  // Counts every message after the login in `messages`, which all sessions share.
  NullSession(int fd, bool delays_login, std::uint64_t& messages)
      : fd_(fd), delays_login_(delays_login), messages_(messages) {}

  // Takes what was received; false when the connection is to be closed.
  bool consume(std::string_view bytes);
  // Sends what is pending, as much as the socket takes; false when the connection is broken.
  bool flush();
  // Answers a startup message that was held back to imitate a server whose login takes time.
  void finish_login();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool login_waits() const { return state_ == State::kLoginWaits; }
  [[nodiscard]] bool has_output() const { return !out_.empty() || stream_.bytes_left > 0; }

 private:
  enum class State : std::uint8_t { kStartup, kLoginWaits, kReady, kClosed };

  std::size_t process(std::string_view bytes);
  std::size_t process_startup(std::string_view bytes);
  std::size_t process_message(std::string_view bytes);
  void handle(char tag, std::string_view body);
  void handle_query(std::string_view sql);
  void handle_parse(std::string_view body);
  void handle_bind(std::string_view body);
  void handle_describe(std::string_view body);
  void handle_execute(std::string_view body);
  void handle_close(std::string_view body);
  void answer(const NullStatement& statement, bool with_description);
  void answer_copy(const NullStatement& statement);
  void answer_row(const NullStatement& statement);
  void apply(const NullStatement& statement);
  void apply_setting(const NullStatement& statement);
  [[nodiscard]] std::string shown(const std::string& parameter) const;
  void describe(const NullStatement& statement);
  void fail(std::string_view sqlstate, std::string_view message);
  NullSettings::Report reporter();
  void ready();
  bool send_stream();
  bool is_busy() const { return stream_.bytes_left > 0 || state_ == State::kLoginWaits; }
  // What follows a large result waits behind it.
  std::string& sink() { return stream_.bytes_left > 0 ? after_stream_ : out_; }

  int fd_;
  bool delays_login_;
  std::uint64_t& messages_;
  State state_ = State::kStartup;
  char transaction_status_ = 'I';
  bool skips_to_sync_ = false;
  std::string input_;  // an incomplete message, or requests behind a large result
  std::string out_;
  std::size_t sent_ = 0;
  RowStream stream_;
  std::string after_stream_;
  NullSettings settings_;
  std::map<std::string, std::string, std::less<>> statements_;
  std::map<std::string, std::string, std::less<>> portals_;
};

}  // namespace bench
