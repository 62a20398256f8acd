// What one client of the load generator says: a prologue after login, then the same steps again and
// again. A step is sent in one write; the next follows when its ReadyForQuery messages have
// arrived. Clients may differ: client i follows script i modulo their number.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct Step {
  std::string bytes;
  int replies = 1;  // ReadyForQuery messages to wait for
};

struct Script {
  std::vector<Step> prologue;
  std::vector<Step> steps;
  unsigned transactions = 1;  // in one round of all steps
  bool reconnects = false;    // a round is a login and the prologue: leave and come back
};

struct ScriptOptions {
  std::string mode;
  std::string query;
  int pipeline = 10;
  int sets = 0;   // clients SET parameters at first, to one of so many sets of values
  int texts = 1;  // clients send one of so many different texts of the query
};

// Never empty; ends the program on an unknown mode.
std::vector<Script> make_scripts(const ScriptOptions& options);

struct Identity {
  std::string user;
  std::string database;
  std::string application_name;  // empty: not sent
};

std::string startup_message(const Identity& identity);
std::string terminate_message();

}  // namespace bench
