// The errors that a session raises itself: SQLSTATE, message, detail and hint of each, in one
// place. Pure values.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/config/config.h"
#include "pgsaba/wire/error_fields.h"

namespace pgsaba::session::errors {

wire::ErrorFields protocol_violation(std::string message);
wire::ErrorFields unsupported_protocol(unsigned major, unsigned minor);
wire::ErrorFields unencrypted_data(bool ssl);
wire::ErrorFields tls_required();
wire::ErrorFields certificate_required();
// The certificate's common name, or none, is not the user's.
wire::ErrorFields wrong_certificate(std::string_view user, std::string_view common_name);
wire::ErrorFields no_user_name();
// Who wants in, as the rules about logins see it.
struct Visitor {
  std::string address;  // empty: a Unix socket
  std::string_view user;
  std::string_view database;
  bool physical_replication = false;
  bool tls = false;
};
wire::ErrorFields no_rule(const Visitor& visitor);
wire::ErrorFields rejected_by_rule(const Visitor& visitor);
wire::ErrorFields certificate_missing();
wire::ErrorFields wrong_peer(std::string_view user);
wire::ErrorFields user_not_looked_up();
// auth.type stands for rules, none of which is for such a visitor.
wire::ErrorFields not_by_type(const Visitor& visitor, config::AuthType type);
wire::ErrorFields password_in_clear();
// So many logins of the user from this address wait already that this one would never begin.
wire::ErrorFields too_many_failures(std::string_view user);
wire::ErrorFields startup_option(std::string_view option);
wire::ErrorFields client_idle_timeout();
wire::ErrorFields idle_transaction_timeout();
wire::ErrorFields stalled_message();
wire::ErrorFields transaction_timeout();
wire::ErrorFields query_timeout();
wire::ErrorFields statement_mode();
// What a client was pinned for is told: "advisory locks".
wire::ErrorFields too_many_pins(const std::string& reasons);
// A statement inside a transaction that would have it pinned.
wire::ErrorFields no_pin_left(const std::string& reasons);
wire::ErrorFields pin_timeout(const std::string& reasons);
// A statement that could not be kept for the client.
wire::ErrorFields no_prepared_memory();
wire::ErrorFields reserved_name();
wire::ErrorFields no_such_statement(std::string_view name);
// In a transaction that reads from a standby: what would act upon the wrong server.
wire::ErrorFields not_on_standby();
// Reads that no standby could serve.
wire::ErrorFields too_many_spilled(std::int32_t limit);
// A client that listens stays inside a transaction while they pile up.
wire::ErrorFields too_many_notifications();
// A warning: the shared connection that listens was lost, and is there again.
wire::ErrorFields notifications_missed();
wire::ErrorFields not_an_admin(std::string_view user);
// Physical replication names no database, and clients say "replication" instead.
inline constexpr std::string_view kPhysicalReplicationHint =
    "Physical replication clients name the database \"replication\" unless told otherwise: an "
    "entry of that name under databases says which cluster they are to get.";
wire::ErrorFields replication_mode_unknown(std::string_view value);
// A server was lost. `in_flight`: a statement ran whose fate is unknown. `what` is the reason.
wire::ErrorFields server_lost(std::string_view what, bool in_flight, bool in_transaction);
// In the middle of a COMMIT whose fate was asked for.
wire::ErrorFields commit_lost(std::string_view what, bool rolled_back);

}  // namespace pgsaba::session::errors
