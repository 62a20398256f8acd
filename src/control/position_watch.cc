#include "position_watch.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace pgsaba::control {
namespace {

constexpr std::string_view kPrimaryQuestion =
    "SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn,"
    " pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))";
constexpr std::string_view kStandbyQuestion =
    "SELECT pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_catalog.pg_lsn";

// How often a standby that is behind is asked, and for how long after the last read has asked.
constexpr Micros kPauseUs = kMillisecond;
constexpr Micros kLongestPauseUs = 50 * kMillisecond;
constexpr Micros kPollsPerCatchUp = 4;
constexpr Micros kPatienceUs = 200 * kMillisecond;
constexpr Micros kFailurePauseUs = 100 * kMillisecond;
// How long a look is waited for before the next one may begin.
constexpr Micros kLookUs = 5 * kMillisecond;

std::uint64_t number_in(const std::vector<std::string>& row, std::size_t column) {
  std::uint64_t value = 0;
  if (column < row.size())
    std::from_chars(row[column].data(), row[column].data() + row[column].size(), value);
  return value;
}

}  // namespace

PositionWatch::PositionWatch(net::ControlLoop& loop, const MonitorCluster& cluster,
                             std::shared_ptr<routing::CausalClock> clock, Progress progress)
    : loop_(loop),
      limit_us_(cluster.probe_limit_us()),
      clock_(std::move(clock)),
      progress_(std::move(progress)),
      servers_(std::min(cluster.servers.size(), routing::CausalClock::kMaxServers)) {
  for (std::size_t index = 0; index < servers_.size(); ++index)
    servers_[index].link = std::make_unique<ServerLink>(
        loop_, cluster.servers[index], "pgsaba positions",
        [this, index](const ServerLink::Answer&) { on_broken(index); });
  start_anew();
}

void PositionWatch::follow(const routing::TopologyCluster& cluster) {
  if (primary_ && cluster.servers[*primary_].number != primary_number_) {
    primary_.reset();
    start_anew();
  }
  const std::uint32_t timeline = cluster.primary ? cluster.servers[*cluster.primary].timeline : 0;
  // While there is none, what is known stays true: nobody writes.
  if (cluster.primary &&
      (cluster.primary != primary_ || (timeline != 0 && timeline != timeline_))) {
    primary_ = cluster.primary;
    primary_number_ = cluster.servers[*cluster.primary].number;
    timeline_ = timeline;
    start_anew();
  }
  for (std::size_t index = 0; index < servers_.size(); ++index) {
    const routing::TopologyServer& server = cluster.servers[index];
    if (std::exchange(servers_[index].number, server.number) != server.number) on_broken(index);
    servers_[index].follows = server.reachable && server.streaming &&
                              server.role == routing::ServerRole::kStandby &&
                              server.timeline == timeline_;
  }
}

// Another primary has another history: positions of the old one say nothing.
void PositionWatch::start_anew() {
  targets_.clear();
  clock_->forget_all();
  looking_ = look_again_ = false;
  patience_.reset();
  failure_pause_.reset();
  clock_->look_failed();
  pause_.reset();
  for (Server& server : servers_) {
    server.replayed = 0;
    server.catch_up.clear();
  }
  clock_->expect_catch_up(0);
}

void PositionWatch::look() {
  wanted_at_ = monotonic_now();
  if (failure_pause_) return;
  if (!primary_ || *primary_ >= servers_.size()) return fail();
  ServerLink& link = *servers_[*primary_].link;
  look_again_ = link.busy() || looking_;
  if (look_again_) {
    if (!patience_) patience_ = loop_.after(kLookUs, [this] { look_is_over(); });
    return;
  }
  const routing::Epoch epoch = clock_->begin_look();
  looking_ = true;
  patience_ = loop_.after(kLookUs, [this] { look_is_over(); });
  link.ask(
      kPrimaryQuestion, limit_us_,
      [this, number = primary_number_, epoch](const ServerLink::Answer& answer) {
        on_primary(number, epoch, answer);
      },
      ServerLink::Shape::kOften);
}

// A standby has come so far, or none has in a while: the next look serves all that wait by now. One
// at a time, so that under load each serves many.
void PositionWatch::look_is_over() {
  looking_ = false;
  patience_.reset();
  if (std::exchange(look_again_, false)) look();
}

// The primary cannot be asked: it is left alone for a while.
void PositionWatch::fail() {
  failure_pause_ = loop_.after(kFailurePauseUs, [this] {
    failure_pause_.reset();
    clock_->look_failed();
  });
}

void PositionWatch::on_primary(std::uint64_t number, routing::Epoch epoch,
                               const ServerLink::Answer& answer) {
  if (!answer.ok() || !primary_ || number != primary_number_) {
    fail();
    return look_is_over();
  }
  const std::uint64_t lsn = reachable_position(number_in(answer.row, 0), number_in(answer.row, 1));
  targets_.add(epoch, lsn);
  for (Server& server : servers_)
    if (lsn > server.replayed) server.catch_up.target(monotonic_now(), lsn);
  ask_standbys();
}

// They take turns in being first, for that one gets most of the reads that wait.
void PositionWatch::ask_standbys() {
  first_ = (first_ + 1) % servers_.size();
  asked_ = 0;
  pause_.reset();
  ask_next();
}

// The next one is only asked if this one has not come so far: each question costs as much as a
// read.
void PositionWatch::ask_next() {
  while (asked_ < servers_.size()) {
    const std::size_t index = (first_ + asked_++) % servers_.size();
    Server& server = servers_[index];
    // If it is asked already, its answer is looked at with the new target, too.
    if (!server.follows || server.link->busy()) continue;
    server.link->ask(
        kStandbyQuestion, limit_us_,
        [this, index, life = clock_->life(index)](const ServerLink::Answer& answer) {
          on_standby(index, life, answer);
        },
        ServerLink::Shape::kOften);
    return;
  }
  if (!wanted()) return clock_->look_failed();  // whoever comes next asks anew
  const Micros pause =
      std::clamp(clock_->catch_up_us() / kPollsPerCatchUp, kPauseUs, kLongestPauseUs);
  pause_ = loop_.after(pause, [this] {
    asked_ = 0;
    ask_next();
  });
}

void PositionWatch::on_standby(std::size_t index, std::uint32_t life,
                               const ServerLink::Answer& answer) {
  Server& server = servers_[index];
  if (!answer.ok()) {
    on_broken(index);
    return ask_next();
  }
  server.replayed = number_in(answer.row, 0);
  server.catch_up.replayed(monotonic_now(), server.replayed);
  expect();
  const routing::Epoch epoch = targets_.reached(server.replayed);
  const bool news = epoch > clock_->fresh_for(index);
  if (news && server.follows && clock_->became_fresh(index, life, epoch)) progress_();
  if (!targets_.is_behind(server.replayed)) return look_is_over();
  ask_next();
}

// Whether reads should wait at all: not for a standby that is steadily behind.
void PositionWatch::expect() {
  Micros best = std::numeric_limits<Micros>::max();
  for (const Server& server : servers_)
    if (server.follows) best = std::min(best, server.catch_up.expected());
  clock_->expect_catch_up(best == std::numeric_limits<Micros>::max() ? 0 : best);
}

// It may have been restarted, and show less than before.
void PositionWatch::on_broken(std::size_t index) {
  servers_[index].replayed = 0;
  clock_->forget(index);
}

bool PositionWatch::wanted() const {
  return clock_->waiting_workers() != 0 || monotonic_now() - wanted_at_ < kPatienceUs;
}

}  // namespace pgsaba::control
