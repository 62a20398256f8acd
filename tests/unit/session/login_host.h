// A SessionHost without a worker, for tests of logins.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/session/client_session.h"
#include "unit/server/fake_network.h"

namespace pgsaba::testing {

using session::Account;
using session::Admission;
using session::ClientSession;
using session::Phase;
using session::ReadRoute;

// LoginHost: a worker as a session meets it that logs in. Lets everything be asked for, remembers
// what was, and lets nobody further than to be admitted.
class LoginHost final : public session::SessionHost {
 public:
  net::Turn& turn() override { return turn_; }
  const config::Config& config() override { return configuration; }
  const auth::UserList& users() override { return known; }
  const auth::UserList& previous_users() override { return previous; }
  const auth::HostAccess* host_access(bool console) override {
    return console && console_rules ? console_rules.get() : rules.get();
  }
  bool seeks_secrets(std::string_view) override { return false; }
  void seek_secret(ClientSession&) override {}
  void doubt_secret(const ClientSession&) override {}
  void inquire(ClientSession&, const auth::Inquiry&) override { ++inquiries; }
  void check_password(ClientSession&, auth::PasswordCheck check,
                      std::weak_ptr<const bool> wanted) override {
    checked = std::move(check);
    verdict_wanted = std::move(wanted);
  }
  Brake brake(ClientSession&) override { return braked; }
  void password_known(const ClientSession&, auth::SecretBytes password) override {
    accepted = std::move(password);
  }
  void password_was(const ClientSession&, bool right) override { (right ? rights : wrongs)++; }
  const auth::ClientLoginSettings& login_settings() override { return login; }
  const net::TlsContext* client_tls() override { return tls.get(); }
  auth::ScramKeyDesk& scram_keys() override { return keys_; }
  server::SettingsTable& settings() override { return settings_; }
  server::CustomNames& custom_names() override { return custom_names_; }
  server::PreparedTable& prepared_statements() override { return prepared_; }
  std::uint64_t next_id() override { return 1; }
  void seek_fate(ClientSession&, const routing::CommitMark&, std::uint32_t) override {}
  std::optional<wire::ErrorFields> may_log_in(std::string_view) override { return std::nullopt; }
  Admission admit(std::string_view, std::string_view) override {
    ++admitted;
    return {nullptr, wire::ErrorFields{"FATAL", "53300", "admitted, and no further"}};
  }
  void dismiss(Account&) override {}
  pool::Pool* route(Account&, wire::ErrorFields&) override { return nullptr; }
  ReadRoute route_read(Account&, const routing::ReadNeeds&) override { return {}; }
  void want_catalogue(Account&) override {}
  void wait_for_standby(ClientSession&) override {}
  void wait_for_spill(ClientSession&) override {}
  void spill_ended() override {}
  bool wait_for_route(ClientSession&, Micros) override { return false; }
  void leave_databases() override {}
  void cancel(const wire::CancelKey&) override { ++cancels; }
  void stop_statement(const server::ServerConnection&) override {}
  void cancel_due(ClientSession&) override {}
  void listen(ClientSession&, std::uint32_t, std::optional<std::vector<std::string>>) override {}
  void hung_up(ClientSession&) override {}
  void mark_notifications(ClientSession&, std::uint32_t, std::vector<std::string>,
                          const std::string&) override {}
  void may_leave(ClientSession&) override {}
  void arrived(ClientSession&, bool) override {}
  void phase_changed(ClientSession&, Phase, Phase) override {}
  void bury(ClientSession&) override { buried = true; }
  void log_client(const ClientSession&, std::string_view) override {}
  void error_told(const ClientSession&, const wire::ErrorFields& error, std::string_view) override {
    told.push_back(error.sqlstate);
  }
  void server_error_told(std::string_view) override {}
  void login_refused(std::string_view method, std::string_view reason) override {
    refused.push_back(std::string(method) + ": " + std::string(reason));
  }
  void log_tls_failure(const ClientSession&, std::string_view) override {}
  bool console_open(ClientSession&) override {
    ++consoles;
    return true;
  }
  void console_input(ClientSession&, Bytes) override {}
  void console_closed(ClientSession&) override {}

  FakeNetwork network;
  config::Config configuration;
  auth::UserList known;
  auth::UserList previous;
  std::unique_ptr<auth::HostAccess> rules;
  std::unique_ptr<auth::HostAccess> console_rules;
  auth::ClientLoginSettings login;
  std::shared_ptr<const net::TlsContext> tls;
  Brake braked = Brake::kNone;
  std::optional<auth::PasswordCheck> checked;
  std::weak_ptr<const bool> verdict_wanted;
  auth::SecretBytes accepted;
  std::vector<std::string> told;     // errors of ours, by SQLSTATE
  std::vector<std::string> refused;  // "md5: wrong_password"
  int inquiries = 0;
  int admitted = 0;
  int consoles = 0;
  int rights = 0;
  int wrongs = 0;
  int cancels = 0;
  bool buried = false;

 private:
  net::Turn turn_{network};
  auth::ScramKeyDesk keys_;
  server::CustomNames custom_names_;
  server::SettingsTable settings_;
  server::PreparedTable prepared_;
};

}  // namespace pgsaba::testing
