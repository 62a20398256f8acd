// What one client of the load generator says: a prologue after login, then the same steps again and
// again. A step is sent in one write; the next follows when its ReadyForQuery messages have
// arrived.
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
  bool reconnects = false;    // a round is a login: leave and come back
};

struct ScriptOptions {
  std::string mode;
  std::string query;
  int pipeline = 10;
};

Script make_script(const ScriptOptions& options);  // ends the program on an unknown mode
std::string startup_message(const std::string& user, const std::string& database);
std::string terminate_message();

}  // namespace bench
