// SimClient: a simulated client from its login to its end. It compares every byte that it gets with
// what a private back end would have answered (until it has lost a server), and looks in every
// message for tags of others. One thread; owned by the world.
#pragma once

#include <map>
#include <string>

#include "pgsaba/wire/cancel_key.h"
#include "pgsaba/wire/error_fields.h"
#include "sim/judge.h"
#include "sim/model_session.h"
#include "sim/sim_kernel.h"
#include "sim/workload.h"

namespace pgsaba::sim {

struct ClientHabits {
  int batches = 20;
  int depth = 1;  // batches outstanding at a time
  Micros think_us = 2'000;
  Micros read_delay_us = 100;
  int cancel_percent = 0;
  int vanish_percent = 0;  // per batch: closes the connection without a word
  int hasty_percent = 10;  // says Terminate behind batches that still run
  int pause_percent = 10;  // stops in the middle of a batch for a while
  Micros query_wait_us = 0;
  bool own_time_zone = false;
  bool session_pooling = false;  // perhaps
};

class SimClient final : public Actor {
 public:
  SimClient(int id, SimKernel& kernel, Judge& judge, ClientHabits habits, WorkloadHabits workload);

  void begin();
  void arrived(net::Socket socket) override;

  int id() const { return id_; }
  bool finished() const { return finished_; }
  bool waits() const { return !finished_ && socket_ != net::kNoSocket && (owed_ > 0 || !in_); }
  std::size_t batches_done() const { return batches_done_; }
  std::string describe() const;
  // Which worker has it: the upper bits of its key, as cancel requests find their way.
  std::size_t worker() const { return key_.pid >> 25; }
  // Closes the connection, whatever is going on.
  void finish();

 private:
  void read();
  void take(std::string bytes);
  void compare(std::string_view frame);
  bool about_notifications(std::string_view frame);
  void on_notification(const std::string& channel, const std::string& payload);
  void settle_ears();
  bool explained(std::string_view frame, const wire::ErrorFields& error);
  void refused(const wire::ErrorFields& error);
  void on_frame(char tag, std::string_view body);
  void on_ready(char status);
  void on_error(std::string_view body);
  void on_end();
  bool lacks_answers();
  void plan();
  void act();
  void send_batch();
  void answer_copy(bool begun);
  void say(std::string bytes, bool may_pause);
  void say_now(const std::string& bytes);
  void say_rest();
  void maybe_cancel();
  void accuse(const std::string& what);

  int id_;
  SimKernel& kernel_;
  Judge& judge_;
  ClientHabits habits_;
  Workload workload_;
  net::Socket socket_ = net::kNoSocket;
  std::string held_back_;  // of a batch that pauses
  bool pausing_ = false;
  bool planned_ = false;
  bool reading_ = false;
  bool in_ = false;        // logged in
  bool leaving_ = false;   // said Terminate
  bool bereaved_ = false;  // lost a server: what it gets is not predictable any more
  // Was refused a server for a transaction. Until its end pgsaba answers by itself, and refuses a
  // string that goes on behind its ROLLBACK.
  bool lost_block_ = false;
  bool farewell_ = false;  // got a FATAL error
  bool finished_ = false;
  // What it listens to: the place of the next notification among all on the channel, and of the
  // first one that it surely gets.
  struct Ear {
    std::size_t next = 0;
    std::size_t first = 0;
    bool gap = false;  // it was warned that some may be missing
  };
  std::map<std::string, Ear> ears_;
  int owed_ = 0;  // ReadyForQuery to come
  char status_ = 'I';
  Batch copy_;
  bool copy_begun_ = false;
  wire::CancelKey key_;
  std::string buffer_;  // of an incomplete frame
  ModelSession direct_;
  std::string expected_;  // of the direct connection, not yet received
  std::size_t received_ = 0;
  std::size_t batches_sent_ = 0;
  std::size_t batches_done_ = 0;
  Micros waiting_since_ = 0;
};

}  // namespace pgsaba::sim
