// Process: what all workers share: connection counters, prepared statements, and each other's
// mailboxes. Built before the first worker starts, outlives the last. Any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgsaba/auth/client_login.h"
#include "pgsaba/auth/login_brake.h"
#include "pgsaba/pool/slots.h"
#include "pgsaba/routing/causal_clock.h"
#include "pgsaba/routing/definitions.h"
#include "pgsaba/server/custom_names.h"
#include "pgsaba/server/prepared_table.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::worker {

// Clients by what limits them, for the whole process.
class ClientCounters {
 public:
  pool::SlotCounter& total() { return total_; }
  pool::SlotCounter& of_database(const std::string& name) { return find(databases_, name); }
  pool::SlotCounter& of_user(const std::string& name) { return find(users_, name); }

 private:
  using Shelf = std::map<std::string, std::unique_ptr<pool::SlotCounter>>;
  pool::SlotCounter& find(Shelf& shelf, const std::string& name);

  std::mutex mutex_;
  pool::SlotCounter total_;
  Shelf databases_;
  Shelf users_;
};

// Connections that have not logged in yet, by where they come from. Nothing is kept of an address
// without any.
class LoginCounters {
 public:
  bool take(const std::string& address, std::int32_t limit);
  void give(const std::string& address);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::int32_t> held_;
};

struct Process {
  pool::SlotBook slots;
  server::PreparedTable prepared_statements;
  server::CustomNames custom_names;
  ClientCounters clients;
  LoginCounters logins;
  routing::CausalBook causal_clocks;
  routing::DefinitionsBook definitions;
  auth::ClientLoginSettings login_settings;
  auth::LoginBrake brake;
  std::atomic<std::uint64_t> next_id{1};
  std::vector<Mailbox*> mailboxes;                                // by worker
  std::vector<std::unique_ptr<std::atomic<std::int32_t>>> loads;  // clients, by worker
  ControlLink* control = nullptr;
  KeyMaker* key_maker = nullptr;              // null: workers derive keys themselves
  Inquirer* inquirer = nullptr;               // null: workers ask the system themselves
  PasswordJudge* password_judge = nullptr;    // null: no such password is right
  HandshakeMaker* handshake_maker = nullptr;  // null: workers shake hands themselves
};

}  // namespace pgsaba::worker
