// BackEnd: a simulated PostgreSQL server; BackEndProcess: one of its connections. It accuses
// whoever mixes clients within a transaction or a batch, leaves one client's settings to another,
// or lets a cancel request hit a stranger. One thread; owned by the world.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pgsaba/wire/cancel_key.h"
#include "sim/judge.h"
#include "sim/model_session.h"
#include "sim/sim_kernel.h"

namespace pgsaba::sim {

class BackEnd;

class BackEndProcess final : public Actor {
 public:
  BackEndProcess(BackEnd& server, net::Socket socket, std::uint32_t pid);

  void arrived(net::Socket socket) override;
  // A request to cancel what it runs has come, and takes effect a moment later.
  void cancel_comes() { ++cancels_coming_; }
  void cancel();
  void die(bool politely);

  bool open() const { return open_; }
  bool serving() const { return serving_; }
  bool at_rest() const { return !busy_ && session_.at_rest(); }
  bool listens_for_others() const { return listener_; }
  const Belongings& belongings() const { return session_.belongings(); }
  void heard(const Notification& one);
  const wire::CancelKey& key() const { return key_; }

 private:
  void start_up();
  void welcome();
  void work();
  void finish(bool cancelled);
  void inspect(std::string_view message);
  void close(bool reset);

  BackEnd& server_;
  net::Socket socket_;
  wire::CancelKey key_;
  ModelSession session_;
  std::string startup_;
  std::optional<int> client_;  // whose transaction or batch runs
  std::optional<int> owner_;   // whose belongings it has
  std::optional<int> served_;  // whose message it took last
  int cancels_coming_ = 0;
  bool cancel_strayed_ = false;  // whoever was served last had not asked for it: the next one has
  bool listener_ = false;        // the connection that all who listen share
  std::uint64_t job_ = 0;        // which finish is the valid one
  bool open_ = true;
  bool serving_ = false;
  bool busy_ = false;
};

class BackEnd {
 public:
  BackEnd(SimKernel& of_kernel, Judge& of_judge) : kernel(of_kernel), judge(of_judge) {}

  Actor* accept(net::Socket socket);
  void cancel_comes(const wire::CancelKey& key);
  void cancel(const wire::CancelKey& key);
  // Ends one process of those that serve, as an administrator or a crash would.
  void kill_one();
  // A transaction of `from` has notified.
  void notify(const Notification& one, const BackEndProcess* from);
  std::vector<BackEndProcess*> open_processes() const;

  SimKernel& kernel;
  Judge& judge;
  Micros starting_until = 0;    // until then it refuses with 57P03
  Micros max_extra_cost = 300;  // of a statement

 private:
  std::vector<std::unique_ptr<BackEndProcess>> processes_;
};

ModelSettings default_settings();

}  // namespace pgsaba::sim
