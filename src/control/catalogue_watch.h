// CatalogueWatch: reads in the catalogues of databases what they have of their own, as far as it
// decides where statements may run (sql::OwnObjects), and which custom parameters they mention
// (server::CustomNames). It looks when a client first comes to a database, after something was
// defined there through this process, when another server has become the primary or it was started
// anew, and at an interval for as long as reads are split or unknown code is run. A look ends with
// the server that it asks, and begins anew where the primary is then; one that fails is repeated,
// soon at first, and soon again once the primary answers again.
// Owning thread: the control loop's. Lives as long as the daemon: a reload configures it anew.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/address_book.h"
#include "control/server_link.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/routing/definitions.h"
#include "pgsaba/routing/topology.h"
#include "pgsaba/server/custom_names.h"

namespace pgsaba::control {

class CatalogueWatch {
 public:
  using Catalogues = std::map<routing::DatabaseName, routing::Catalogue>;

  // `changed` is called when `catalogues` are others than before.
  CatalogueWatch(net::ControlLoop& loop, const AddressBook& addresses,
                 routing::DefinitionsBook& book, server::CustomNames& names,
                 std::function<void()> changed);

  void configure(std::shared_ptr<const config::Config> config);
  // After each new picture.
  void follow(const routing::Topology& topology);
  // Reads wait for a look, or would, or somebody runs code that may have been defined since.
  void want(const routing::DatabaseName& database);

  const Catalogues& catalogues() const { return catalogues_; }

 private:
  // Whom to ask: a server in one of its lives.
  struct Primary {
    std::string name = {};
    std::uint64_t number = 0;
    std::int64_t started_at_us = 0;
    bool answers = false;
    bool silent = false;

    bool is(const Primary& other) const {
      return number == other.number && started_at_us == other.started_at_us;
    }
  };
  struct Database {
    std::shared_ptr<routing::Definitions> definitions;
    std::unique_ptr<ServerLink> link;  // while a look is under way
    std::vector<sql::OwnObject> found;
    bool reads_sequences = false;
    std::uint64_t covers = 0;
    Micros looked_at = 0;  // successfully; 0: never
    Micros began_at = 0;   // the last one
    Micros ended_at = 0;   // successfully or not
    bool wanted = false;
    int failures = 0;            // in a row
    Micros failing_since = 0;    // or since somebody used it, if that was later
    std::string complaint = {};  // the failure last reported
  };

  void tick();
  void serve();
  void follow(const routing::DatabaseName& name, Database& database, const Primary& before,
              const Primary& now);
  void give_up_look(Database& database);
  void look(const routing::DatabaseName& name, Database& database);
  const config::ServerAddress* server_to_ask(const std::string& cluster) const;
  void on_answer(const routing::DatabaseName& name, std::uint64_t covers,
                 const ServerLink::Answer& answer);
  void note(const routing::DatabaseName& name, Database& database);
  void note_names(const routing::DatabaseName& name, const std::vector<std::string>& fields);
  void complain(const routing::DatabaseName& name, Database& database, const std::string& error);
  std::shared_ptr<const sql::AccessRules> judge(const Database& database) const;

  net::ControlLoop& loop_;
  const AddressBook& addresses_;
  routing::DefinitionsBook& book_;
  server::CustomNames& names_;
  std::function<void()> changed_;
  std::shared_ptr<const config::Config> config_;
  std::string question_;
  std::map<std::string, Primary> primaries_;  // by cluster: the last one seen
  std::map<routing::DatabaseName, Database> databases_;
  Catalogues catalogues_;
  std::size_t looking_ = 0;
  bool told_of_names_ = false;  // that there are too many
  // Links whose look is over: none may be destroyed by its own answer.
  std::vector<std::unique_ptr<ServerLink>> over_;
  net::Watch ticking_;
  net::Watch soon_;      // the next look that is due
  net::Watch sweeping_;  // of what is over
};

}  // namespace pgsaba::control
