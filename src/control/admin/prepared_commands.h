// PreparedCommands: statements and portals of one console, for the extended protocol. Owned by its
// ConsoleSession. Commands take no parameters, so a statement is little more than its command.
// Errors are what PostgreSQL would answer (src/backend/tcop/postgres.c, exec_parse_message and
// exec_bind_message).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/error_fields.h"
#include "reply.h"

namespace pgsaba::admin {

using MaybeCommand = std::optional<AdminCommand>;  // none: an empty statement
using Problem = std::optional<wire::ErrorFields>;  // none: all is well

struct Portal {
  MaybeCommand command;
  std::vector<Format> formats;
  std::optional<AdminReply> reply = std::nullopt;  // once it has run
  std::size_t next_row = 0;
};

class PreparedCommands {
 public:
  // Of each kind; far beyond what a driver keeps.
  static constexpr std::size_t kMaxObjects = 256;

  // Each takes a message's body; those with `out` append the answer of success.
  Problem parse(Bytes body, std::string& out);
  Problem bind(Bytes body, std::string& out);
  Problem describe(Bytes body, std::string& out) const;
  Problem close(Bytes body, std::string& out);

  Portal* find_portal(const std::string& name);
  // Portals end with their transaction.
  void drop_portals() { portals_.clear(); }

 private:
  Problem describe_statement(const std::string& name, std::string& out) const;
  Problem describe_portal(const std::string& name, std::string& out) const;

  std::map<std::string, MaybeCommand> statements_;
  std::map<std::string, Portal> portals_;
};

// An ERROR for a Problem.
wire::ErrorFields problem(std::string_view sqlstate, std::string message, std::string hint = {});

}  // namespace pgsaba::admin
