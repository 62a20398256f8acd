#include "control/secret_desk.h"

#include <algorithm>

#include "pgsaba/base/log.h"

namespace pgsaba::control {
namespace {

constexpr std::size_t kMostKnown = 10'000;
constexpr std::size_t kMostQuestions = 1'000;  // waiting at one source
constexpr Micros kSweepUs = 10 * kSecond;      // between looks for what is too old

const std::string& either(const std::string& own, const std::string& general) {
  return own.empty() ? general : own;
}

// The primary, or the server that is most likely to answer while there is none.
std::size_t server_to_ask(const routing::TopologyCluster* cluster) {
  if (cluster == nullptr) return 0;
  if (cluster->primary) return *cluster->primary;
  for (std::size_t i = 0; i < cluster->servers.size(); ++i)
    if (cluster->servers[i].reachable) return i;
  return 0;
}

// Where the question is put: an entry of `databases`, and what its database is called there.
struct Place {
  const config::DatabaseSettings* entry = nullptr;
  std::string name;
  std::string dbname;
};

// What the client's database says of it; the console has nothing of its own.
const config::DatabaseSettings& own_settings(const config::Config& config,
                                             const std::string& database) {
  static const config::DatabaseSettings none;
  const config::DatabaseSettings* own =
      config::is_admin_database(database) ? nullptr : config::find_database(config, database);
  return own == nullptr ? none : *own;
}

// auth_dbname names an entry, which may live in another cluster; without one, a database beside the
// client's own.
Place place_to_ask(const config::Config& config, const std::string& database) {
  const std::string& wanted =
      either(own_settings(config, database).auth_dbname, config.auth.dbname);
  const bool console = config::is_admin_database(database);
  const std::string& name = wanted.empty() ? database : wanted;
  const config::DatabaseSettings* named =
      config::is_admin_database(name) ? nullptr : config::find_database(config, name);
  if (named != nullptr) return {named, name, either(named->dbname, name)};
  if (console) return {};
  return {config::find_database(config, database), name, name};
}

// Its own, or the plain one that the user list has.
std::string password_of(const worker::Picture& picture, const std::string& user) {
  const config::Auth& auth = picture.config->auth;
  if (!auth.password.empty() && user == auth.user) return auth.password;
  const auth::Secret* listed = picture.users->find(user);
  const auto* plain = listed == nullptr ? nullptr : std::get_if<auth::PlainSecret>(listed);
  return plain == nullptr ? std::string() : std::string(plain->password.text());
}

}  // namespace

void SecretDesk::ask(const std::string& database, const std::string& user, Done done) {
  const auto known = known_.find({database, user});
  const Micros ttl = controls_.picture().config->auth.query_ttl_us;
  if (known != known_.end() && monotonic_now() - known->second.since < ttl)
    return done({std::string(known->second.secret.text()), {}});
  std::string why;
  Source* source = source_for(database, why);
  if (source != nullptr && source->questions.size() >= kMostQuestions) why = "too many wait for it";
  if (!why.empty()) {
    log::warning("user {} of database {} cannot be looked up: {}", user, database, why);
    return done({{}, why});
  }
  const config::Config& config = *controls_.picture().config;
  const config::DatabaseSettings& settings = own_settings(config, database);
  source->questions.push_back(
      {database, user, either(settings.auth_query, config.auth.query), std::move(done)});
  if (source->questions.size() == 1) ask_next(*source);
}

SecretDesk::Source* SecretDesk::source_for(const std::string& database, std::string& why) {
  const worker::Picture& picture = controls_.picture();
  const config::Config& config = *picture.config;
  const Place place = place_to_ask(config, database);
  const auto cluster =
      place.entry == nullptr ? config.clusters.end() : config.clusters.find(place.entry->cluster);
  if (cluster == config.clusters.end() || cluster->second.servers.empty()) {
    why = "there is no database to ask";
    return nullptr;
  }
  if (place.name != database && picture.disabled.contains(place.name)) {
    why = "the database " + place.name + ", which is asked, is disabled";
    return nullptr;
  }
  const std::size_t server = std::min(server_to_ask(picture.topology->find(cluster->first)),
                                      cluster->second.servers.size() - 1);
  MonitorTarget target;
  target.name = cluster->second.servers[server].name;
  target.host = cluster->second.servers[server].host;
  target.port = cluster->second.servers[server].port;
  target.user = either(own_settings(config, database).auth_user, config.auth.user);
  target.password = password_of(picture, target.user);
  target.database = place.dbname;
  target.tls = cluster->second.tls;
  target.addresses = controls_.addresses().find(target.host, target.port);
  const std::string name =
      cluster->first + '\n' + target.name + '\n' + target.user + '\n' + target.database;
  Source& source = sources_[name];
  if (!source.link)
    source.link = std::make_unique<ServerLink>(loop_, std::move(target), "pgsaba auth",
                                               [](const ServerLink::Answer&) {});
  return &source;
}

void SecretDesk::ask_next(Source& source) {
  if (source.questions.empty()) return;
  const Question& question = source.questions.front();
  source.link->ask(question.query, controls_.picture().config->timeouts.server_connect_us,
                   [this, &source](const ServerLink::Answer& answer) { answered(source, answer); },
                   ServerLink::Shape::kRow, {question.user});
}

// No row is an answer, too.
void SecretDesk::answered(Source& source, const ServerLink::Answer& answer) {
  const Question question = std::move(source.questions.front());
  source.questions.pop_front();
  Answer told;
  if (answer.ok() && answer.row.size() >= 2) {
    told.secret = answer.row[1];
  } else if (!answer.no_row) {
    told.error = answer.ok() ? "auth.query has to give two columns, name and secret" : answer.error;
    log::warning("user {} of database {} cannot be looked up: {}", question.user, question.database,
                 told.error);
  }
  if (told.error.empty()) remember({question.database, question.user}, told.secret);
  ask_next(source);
  leave_if_strayed(source);
  question.done(told);
}

// Whoever is not there may be created the next moment: only secrets are remembered.
void SecretDesk::remember(const Who& who, const std::string& secret) {
  if (secret.empty()) return;
  if (known_.size() >= kMostKnown) forget_old();
  if (known_.size() >= kMostKnown) known_.erase(known_.begin());
  known_.insert_or_assign(who, Known{auth::SecretBytes(secret), monotonic_now()});
  if (!sweep_) sweep_ = loop_.every(kSweepUs, [this] { forget_old(); });
}

void SecretDesk::forget_old() {
  const Micros now = monotonic_now();
  const Micros ttl = controls_.picture().config->auth.query_ttl_us;
  std::erase_if(known_, [&](const auto& one) { return now - one.second.since >= ttl; });
  if (known_.empty()) sweep_.reset();
}

void SecretDesk::leave_if_strayed(Source& source) {
  if (source.link && !source.link->busy() && source.link->strayed()) source.link->hang_up();
}

void SecretDesk::follow_addresses() {
  for (auto& [name, source] : sources_) leave_if_strayed(source);
}

void SecretDesk::doubt(const std::string& database, const std::string& user) {
  known_.erase({database, user});
}

void SecretDesk::forget_all() {
  known_.clear();
  const auto sources = std::exchange(sources_, {});
  for (const auto& [name, source] : sources)
    for (const Question& question : source.questions)
      question.done({{}, "the configuration was reloaded meanwhile"});
}

}  // namespace pgsaba::control
