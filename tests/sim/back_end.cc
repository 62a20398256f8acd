#include "sim/back_end.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/startup.h"
#include "sim/tag.h"
#include "sim/trace.h"

namespace pgsaba::sim {

namespace {

bool is_own_query(std::string_view message) { return message[0] == 'Q' && !find_client(message); }

}  // namespace

ModelSettings default_settings() {
  return {{"application_name", ""},
          {"client_encoding", "UTF8"},
          {"server_version", "15.0"},
          {"TimeZone", "UTC"}};
}

// ---- one process -------------------------------------------------------------------------------

BackEndProcess::BackEndProcess(BackEnd& server, net::Socket socket, std::uint32_t pid)
    : server_(server), socket_(socket), session_(default_settings()) {
  key_.pid = pid;
  const auto secret = static_cast<std::uint32_t>(server.kernel.random.next());
  key_.secret.resize(4);
  store_be32(reinterpret_cast<std::uint8_t*>(key_.secret.data()), secret);
}

void BackEndProcess::close(bool reset) {
  if (!std::exchange(open_, false)) return;
  server_.kernel.actor_close(socket_, reset);
}

void BackEndProcess::arrived(net::Socket) {
  if (!open_) return;
  const std::string bytes = server_.kernel.actor_read(socket_);
  if (serving_) {
    session_.feed(bytes);
    work();
  } else {
    startup_ += bytes;
    start_up();
  }
  if (open_ && server_.kernel.actor_sees_end(socket_)) close(false);
}

void BackEndProcess::start_up() {
  const auto cut = wire::cut_startup(bytes_of(startup_));
  if (!cut) return;
  if (const auto* cancel = std::get_if<wire::CancelRequest>(&cut->packet)) {
    server_.cancel_comes(cancel->key);
    server_.kernel.at(server_.kernel.now + server_.kernel.random.between<Micros>(1, 500),
                      [this, key = cancel->key] {
                        server_.cancel(key);
                        close(server_.kernel.random.chance(10));
                      });
    startup_.clear();
    return;
  }
  const auto* startup = std::get_if<wire::StartupMessage>(&cut->packet);
  if (startup == nullptr) return server_.judge.accuse("broken startup packet at the back end");
  const std::string* application = startup->find("application_name");
  listener_ = application != nullptr && *application == "pgsaba listener";
  startup_.clear();
  server_.kernel.at(server_.kernel.now + server_.kernel.random.between<Micros>(50, 3'000),
                    [this] { welcome(); });
}

void BackEndProcess::welcome() {
  if (!open_) return;
  std::string out;
  if (server_.kernel.now < server_.starting_until) {
    wire::append_error(out, 'E', {"FATAL", "57P03", "the database system is starting up"});
    server_.kernel.actor_send(socket_, out);
    return close(false);
  }
  serving_ = true;
  wire::append_authentication(out, wire::auth_code::kOk, {});
  for (const auto& [name, value] : session_.reported())
    wire::append_parameter_status(out, name, value);
  wire::append_backend_key(out, key_);
  wire::append_ready(out, wire::TransactionStatus::kIdle);
  server_.kernel.actor_send(socket_, out);
}

void BackEndProcess::work() {
  while (open_ && !busy_ && session_.has_message()) {
    inspect(session_.message());
    Micros cost = session_.cost();
    // What pgsaba asks and sets takes its time, too, and a late cancel request may hit it.
    if (is_own_query(session_.message())) cost = server_.kernel.random.below<Micros>(30);
    if (cost == 0) {
      finish(false);
      continue;
    }
    if (server_.max_extra_cost > 0) cost += server_.kernel.random.below(server_.max_extra_cost);
    busy_ = true;
    server_.kernel.at(server_.kernel.now + cost, [this, job = ++job_] {
      if (!open_ || !busy_ || job != job_) return;
      finish(false);
      work();
    });
  }
}

void BackEndProcess::finish(bool cancelled) {
  busy_ = false;
  trace(client_.value_or(-2), server_.kernel.now, ("  " + std::to_string(key_.pid) + " <-").c_str(),
        session_.message());
  if (!session_.run_name().empty()) ++server_.judge.runs;
  std::string out;
  session_.run(cancelled, out);
  if (!out.empty())
    trace(client_.value_or(-2), server_.kernel.now,
          ("  " + std::to_string(key_.pid) + " ->").c_str(), out);
  for (const Notification& one : session_.take_notified()) server_.notify(one, this);
  if (session_.belongings().empty()) {
    owner_.reset();
  } else if (client_) {
    owner_ = client_;
  }
  if (session_.at_rest()) client_.reset();
  if (!out.empty()) server_.kernel.actor_send(socket_, out);
  if (session_.terminated()) close(false);
}

// Whose message is this, and may it come now, here?
void BackEndProcess::inspect(std::string_view message) {
  const auto client = find_client(message);
  if (!client) return;
  Judge& judge = server_.judge;
  judge.progress(*client);
  const std::string who = "client " + std::to_string(*client);
  const bool changes = served_ != client;
  if (changes && cancels_coming_ > 0 && !judge.has_asked(*client))
    judge.accuse(who + " gets a server that a cancel request of somebody else is under way to");
  if (std::exchange(cancel_strayed_, false) && !judge.has_asked(*client))
    judge.accuse("a cancel request that is not its own came to the server of " + who);
  served_ = client;
  if (client_ && *client_ != *client)
    judge.accuse(who + " runs inside a transaction or batch of client " + std::to_string(*client_));
  client_ = client;
  if (owner_ && *owner_ != *client)
    judge.accuse(who + " runs where client " + std::to_string(*owner_) + " has belongings");
  const auto setting = [&](const char* name) {
    const auto found = session_.settings().find(name);
    return found == session_.settings().end() ? std::string() : found->second;
  };
  const std::string own = "c" + std::to_string(*client) + "x";
  for (const char* name : {"search_path", "application_name", "work_mem"}) {
    const std::string value = setting(name);
    if (value.empty() || value.starts_with(own)) continue;
    std::string what = who;
    judge.accuse(what.append(" runs with ").append(name).append(" ").append(value));
  }
}

// It tells its client at once if that waits for nothing.
void BackEndProcess::heard(const Notification& one) {
  session_.heard(one);
  if (!open_ || !serving_ || busy_ || !session_.at_rest()) return;
  if (const std::string told = session_.take_heard(); !told.empty())
    server_.kernel.actor_send(socket_, told);
}

void BackEndProcess::cancel() {
  --cancels_coming_;
  if (!busy_ || !open_) {  // an idle process ignores it
    // The statement it was sent for may be on its way yet.
    cancel_strayed_ = !served_ || !server_.judge.has_asked(*served_);
    return;
  }
  const std::string run = session_.run_name();
  if (const auto client = find_client(run)) {
    server_.judge.cancel_hit(*client, run);
  } else {
    ++server_.judge.own_cancelled;
  }
  finish(true);
  work();
}

void BackEndProcess::die(bool politely) {
  server_.judge.back_end_died();
  std::string out;
  wire::append_error(out, 'E', {"FATAL", "57P01", "terminating connection by the simulation"});
  if (politely) server_.kernel.actor_send(socket_, out);
  close(!politely);
}

// ---- the server --------------------------------------------------------------------------------

Actor* BackEnd::accept(net::Socket socket) {
  processes_.push_back(std::make_unique<BackEndProcess>(
      *this, socket, static_cast<std::uint32_t>(1'000 + processes_.size())));
  return processes_.back().get();
}

void BackEnd::cancel_comes(const wire::CancelKey& key) {
  for (const auto& process : processes_)
    if (process->key() == key) process->cancel_comes();
}

void BackEnd::cancel(const wire::CancelKey& key) {
  for (const auto& process : processes_)
    if (process->key() == key) process->cancel();
}

void BackEnd::notify(const Notification& one, const BackEndProcess* from) {
  judge.notified(one);
  for (const auto& process : processes_)
    if (process.get() != from && process->open()) process->heard(one);
}

void BackEnd::kill_one() {
  std::vector<BackEndProcess*> serving = open_processes();
  std::erase_if(serving, [](const BackEndProcess* process) { return !process->serving(); });
  if (!serving.empty()) serving[kernel.random.below(serving.size())]->die(kernel.random.chance(50));
}

std::vector<BackEndProcess*> BackEnd::open_processes() const {
  std::vector<BackEndProcess*> open;
  for (const auto& process : processes_)
    if (process->open()) open.push_back(process.get());
  return open;
}

}  // namespace pgsaba::sim
