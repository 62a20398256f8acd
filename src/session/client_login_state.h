// What a session needs until it is open, and no longer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pgsaba/auth/client_login.h"
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/startup.h"

namespace pgsaba::session {

struct ClientSession::Login {
  std::string user;
  std::string database;
  std::string application_name;
  server::Settings settings;
  std::uint32_t version = wire::kProtocol30;
  bool may_hear_errors = true;  // a cancel request gets no answer at all
  bool console = false;
  bool began = false;       // something has come
  bool asked_ssl = false;   // an SSLRequest was answered
  bool asked_gss = false;   // a GSSENCRequest was
  bool direct_tls = false;  // it began with TLS at once
  auth::ClientAuthMethod method = auth::ClientAuthMethod::kScramSha256;
  std::string_view asked_for = "none";  // a literal: how it has to prove who it is
  std::string refused_with;             // the SQLSTATE of the error that it was told at last
  bool has_waited = false;              // the brake was asked
  bool braked = false;                  // it said that this login has to wait
  bool secret_awaited = false;          // from a server
  bool secret_found = false;
  std::unique_ptr<auth::ClientLogin> proof;
  // With the method kForeign: who judges the password, and, while that takes, what tells whoever
  // does it that somebody still waits.
  std::variant<auth::PamCheck, auth::LdapCheck> judge;
  std::string judge_name;
  auth::SecretBytes password;
  std::shared_ptr<const bool> verdict_awaited;
  // What rules about logins depend on, once it is known; empty: there is none.
  std::optional<std::string> host_name;
  std::optional<std::string> system_user;
  std::optional<std::string>* awaited = nullptr;  // which of them is being asked for
  // Learning: what a server answers to the client's settings.
  bool learning = false;
  server::SettingsRef learned_for;
  wire::ParameterList learned;
  std::string answer;
};

}  // namespace pgsaba::session
