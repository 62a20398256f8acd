// One client of the load generator. It belongs to a Load, which owns the sockets' epoll and tells
// the client about events; the client tells the Load's LoadResult about what it saw.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "histogram.h"
#include "message.h"
#include "script.h"
#include "tls_client.h"

namespace bench {

using Clock = std::chrono::steady_clock;

struct LoadResult {
  Histogram latency_ns;
  std::uint64_t transactions = 0;
  std::uint64_t bytes = 0;
  std::uint64_t errors = 0;
  std::string first_error;

  void add_error(std::string_view text) {
    if (errors++ == 0) first_error = text;
  }
};

class LoadClient {
 public:
  enum class State : std::uint8_t {
    kConnecting,
    kPrologue,
    kReady,
    kRunning,
    kResting,  // until its next round is due
    kDone,
    kLost
  };

  // `tls`: null for none.
  LoadClient(const Script& script, std::string startup, LoadResult& result, const TlsSetup* tls)
      : script_(script), startup_(std::move(startup)), result_(result), tls_setup_(tls) {}

  void open(int fd);
  // From kReady. 0 rounds: until stop(). With an interval a round begins that long after the last
  // one was due, the first one at `first`; without, when the last one is complete.
  void start(std::uint64_t max_rounds, Clock::duration interval, Clock::time_point first);
  void go_on();                                // from kResting, when it is due
  void receive_events(std::span<char> block);  // reads once and acts on what came
  void write_more();                           // on the first and every later chance to write
  void leave();                                // Terminate, then close

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Clock::time_point due() const { return due_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool wants_write() const { return sent_ < pending_.size(); }

 private:
  void on_message(char tag, std::string_view body);
  void on_replies_complete();
  void finish_round();
  void begin_round();
  void send(const Step& step);
  void lose(std::string_view why);
  bool is_ready_to_talk();
  long receive_some(std::span<char> block);

  const Script& script_;
  std::string startup_;
  LoadResult& result_;
  State state_ = State::kConnecting;
  int fd_ = -1;
  const TlsSetup* tls_setup_;
  std::optional<TlsClient> tls_;
  MessageScanner scanner_;
  std::string_view pending_;  // borrowed from the script or from startup_
  std::size_t sent_ = 0;
  int replies_left_ = 0;
  std::size_t next_step_ = 0;
  std::uint64_t rounds_ = 0;
  std::uint64_t max_rounds_ = 0;
  Clock::time_point round_began_;
  Clock::duration interval_{};
  Clock::time_point due_;  // its next round
};

}  // namespace bench
