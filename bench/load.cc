// A load generator for PostgreSQL servers and poolers: many clients, one thread.
//
// Each client sends its next request as soon as the reply to the last one is complete; with --rate,
// when it is due, so that all of them together send so many transactions per second. All clients
// log in first; then they start together, warm up, and are measured. The line "start" is printed
// when the measured time begins and one line of JSON when it is over, so that a caller can read the
// pooler's CPU clock at both moments.
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <queue>
#include <vector>

#include "load_client.h"
#include "options.h"
#include "script.h"
#include "sockets.h"

namespace {

using bench::Clock;
using bench::LoadClient;
using std::chrono::duration;
using std::chrono::duration_cast;

constexpr int kMaxOpening = 64;  // at once, to stay within any listen backlog
constexpr std::chrono::milliseconds kMaxWait{100};

struct Target {
  std::string host;
  int port;
  std::string user;
  std::string database;
  int databases;               // more than one: client i uses <database><i mod databases>
  int application_names;       // client i is called app<i mod application_names>; 0: it has no name
  const bench::TlsSetup* tls;  // null: none

  [[nodiscard]] std::string startup_for(std::size_t client) const {
    return bench::startup_message(
        {user, database + (databases > 1 ? one_of(databases, client) : ""),
         application_names > 0 ? "app" + one_of(application_names, client) : ""});
  }

 private:
  static std::string one_of(int count, std::size_t client) {
    return std::to_string(client % static_cast<std::size_t>(count));
  }
};

class Load {
 public:
  // `rate`: of transactions, per second; 0: as fast as they go.
  Load(Target target, std::vector<bench::Script> scripts, double rate)
      : target_(std::move(target)),
        scripts_(std::move(scripts)),
        rate_(rate),
        reconnects_(scripts_.front().reconnects),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        block_(std::size_t{256} << 10U) {
    if (epoll_ < 0) bench::die("epoll_create1");
    prctl(PR_SET_TIMERSLACK, 1);
  }

  // Returns when every client has logged in.
  void open_clients(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<LoadClient>(
          scripts_[i % scripts_.size()], target_.startup_for(i), result_, target_.tls));
    }
    if (reconnects_) return;
    std::size_t opened = 0;
    while (opened < count || opening_ > 0) {
      while (opened < count && opening_ < kMaxOpening) open(*clients_[opened++]);
      turn();
      if (result_.errors > 0) bench::refuse("login failed: " + result_.first_error);
    }
  }

  void start(std::uint64_t max_rounds) {
    const double share = rate_ > 0 ? scripts_.front().transactions / rate_ : 0;
    const duration<double> apart(share);  // the beginnings of two clients' rounds
    auto first = Clock::now();
    for (auto& client : clients_) {
      if (reconnects_) {
        open(*client);
      } else {
        client->start(max_rounds,
                      duration_cast<Clock::duration>(apart * static_cast<double>(clients_.size())),
                      first);
        after_event(*client);
      }
      first += duration_cast<Clock::duration>(apart);
    }
  }

  void run_until(Clock::time_point end) {
    while (Clock::now() < end && any_active()) turn();
  }

  void forget_results() { result_ = {}; }
  [[nodiscard]] const bench::LoadResult& result() const { return result_; }

  void leave() {
    for (auto& client : clients_) client->leave();
  }

 private:
  void open(LoadClient& client) {
    const int fd = bench::begin_connect(target_.host, target_.port);
    client.open(fd);
    ++opening_;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &client;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) bench::die("epoll_ctl");
  }

  void turn() {
    std::array<epoll_event, 256> events{};
    const timespec patience = begin_due_rounds();
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &patience, nullptr);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events.at(static_cast<std::size_t>(i));
      auto& client = *static_cast<LoadClient*>(event.data.ptr);
      if (client.fd() >= 0 && (event.events & EPOLLOUT) != 0) client.write_more();
      const bool was_opening = is_opening(client);
      const bool rested = client.state() == LoadClient::State::kResting;
      drain(client, event.events);
      if (was_opening && !is_opening(client)) --opening_;
      if (!rested || client.state() != LoadClient::State::kResting) after_event(client);
    }
  }

  // How long there is nothing to begin.
  timespec begin_due_rounds() {
    std::chrono::nanoseconds rest = kMaxWait;
    while (!resting_.empty()) {
      LoadClient& next = *resting_.top();
      rest = std::min<std::chrono::nanoseconds>(next.due() - Clock::now(), kMaxWait);
      if (rest.count() > 0) break;
      resting_.pop();
      if (next.state() != LoadClient::State::kResting) continue;
      next.go_on();
      after_event(next);
    }
    return {0, std::max<std::chrono::nanoseconds>(rest, {}).count()};
  }

  // Edge-triggered: a read that filled the block may have left something behind.
  void drain(LoadClient& client, std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    std::uint64_t before = 0;
    do {
      before = result_.bytes;
      if (client.fd() >= 0) client.receive_events(block_);
    } while (result_.bytes - before == block_.size());
  }

  void after_event(LoadClient& client) {
    if (reconnects_ && client.state() == LoadClient::State::kReady) {
      client.leave();
      open(client);
    }
    if (client.state() == LoadClient::State::kResting) resting_.push(&client);
    if (client.state() == LoadClient::State::kDone || client.state() == LoadClient::State::kLost) {
      any_ended_ = true;
    }
  }

  static bool is_opening(const LoadClient& client) {
    return client.state() == LoadClient::State::kConnecting ||
           client.state() == LoadClient::State::kPrologue;
  }

  bool any_active() {
    if (!any_ended_) return true;
    any_ended_ = false;
    for (const auto& client : clients_) {
      const auto state = client->state();
      if (state != LoadClient::State::kDone && state != LoadClient::State::kLost) return true;
    }
    any_ended_ = true;
    return false;
  }

  struct LaterFirst {
    bool operator()(const LoadClient* one, const LoadClient* other) const {
      return one->due() > other->due();
    }
  };

  Target target_;
  std::vector<bench::Script> scripts_;
  double rate_;
  bool reconnects_;
  bench::LoadResult result_;
  int epoll_;
  int opening_ = 0;
  bool any_ended_ = false;
  std::vector<std::unique_ptr<LoadClient>> clients_;
  std::priority_queue<LoadClient*, std::vector<LoadClient*>, LaterFirst> resting_;
  std::vector<char> block_;
};

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20U ? ' ' : c;
  }
  return out + "\"";
}

struct Durations {
  double login_seconds = 0;  // until every client was logged in
  double seconds = 0;        // of the measured part
};

void print_result(const bench::LoadResult& result, const Durations& durations) {
  const double seconds = durations.seconds;
  const auto& latency = result.latency_ns;
  std::printf(
      "{\"transactions\": %llu, \"login_seconds\": %.6f, \"seconds\": %.6f, \"tps\": %.1f, "
      "\"p50_us\": %.1f, "
      "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"bytes\": %llu, \"errors\": %llu, "
      "\"first_error\": %s}\n",
      static_cast<unsigned long long>(result.transactions), durations.login_seconds, seconds,
      static_cast<double>(result.transactions) / seconds, microseconds(latency.percentile(0.5)),
      microseconds(latency.percentile(0.99)), microseconds(latency.percentile(0.999)),
      microseconds(latency.max()), static_cast<unsigned long long>(result.bytes),
      static_cast<unsigned long long>(result.errors), json_text(result.first_error).c_str());
  std::fflush(stdout);
}

void announce_start() {
  std::puts("start");
  std::fflush(stdout);
}

// Holds the connections until the caller closes our standard input.
int hold_idle() {
  announce_start();
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

Clock::time_point after(double seconds) {
  return Clock::now() + duration_cast<Clock::duration>(duration<double>(seconds));
}

double seconds_since(Clock::time_point began) {
  return duration<double>(Clock::now() - began).count();
}

void run_for_time(Load& load, const bench::Options& options, double login_seconds) {
  load.start(0);
  load.run_until(after(options.real("warmup")));
  load.forget_results();
  announce_start();
  const auto began = Clock::now();
  load.run_until(after(options.real("seconds")));
  print_result(load.result(), {login_seconds, seconds_since(began)});
}

void run_for_requests(Load& load, const bench::Options& options, double login_seconds) {
  load.forget_results();
  announce_start();
  const auto began = Clock::now();
  load.start(static_cast<std::uint64_t>(options.real("requests")));
  load.run_until(after(options.real("seconds")));
  print_result(load.result(), {login_seconds, seconds_since(began)});
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options({argv, static_cast<std::size_t>(argc)}, {{"mode", "simple"},
                                                                        {"clients", "1"},
                                                                        {"seconds", "5"},
                                                                        {"warmup", "0.5"},
                                                                        {"requests", "0"},
                                                                        {"rate", "0"},
                                                                        {"host", "127.0.0.1"},
                                                                        {"port", "54320"},
                                                                        {"db", "bench"},
                                                                        {"databases", "1"},
                                                                        {"user", "bench"},
                                                                        {"query", "SELECT 1"},
                                                                        {"pipeline", "10"},
                                                                        {"sets", "0"},
                                                                        {"texts", "1"},
                                                                        {"application-names", "0"},
                                                                        {"tls", "no"},
                                                                        {"cpu", "-1"}});
  bench::pin_to_cpu(options.integer("cpu"));
  bench::raise_file_limit();
  const std::string& mode = options.text("mode");
  const std::string& tls = options.text("tls");
  if (tls != "no" && tls != "yes" && tls != "resume") bench::refuse("--tls no, yes or resume");
  const bench::TlsSetup tls_setup(tls == "resume");
  Load load({options.text("host"), options.integer("port"), options.text("user"),
             options.text("db"), options.integer("databases"), options.integer("application-names"),
             tls == "no" ? nullptr : &tls_setup},
            bench::make_scripts({mode, options.text("query"), options.integer("pipeline"),
                                 options.integer("sets"), options.integer("texts")}),
            options.real("rate"));
  const auto began = Clock::now();
  load.open_clients(static_cast<std::size_t>(options.integer("clients")));
  const double login_seconds = seconds_since(began);
  if (mode == "idle") return hold_idle();
  const auto run = options.integer("requests") > 0 ? run_for_requests : run_for_time;
  run(load, options, login_seconds);
  load.leave();
}
