// What PostgreSQL's parser makes of a text, in the words of our own interface.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oracle/json.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::oracle {

struct Parsed {
  std::vector<std::string> nodes;  // the kind of each statement, as SelectStmt
  sql::Effects effects = 0;
  bool sets_config = false;           // calls set_config, whatever it names
  std::vector<std::string> settings;  // that it sets by name
  std::vector<std::string> prepared;
  std::string no_read;  // what speaks against a read; empty if nothing does
  Json first;           // the first statement
};

// What was accepted, and how many of the texts that read we send to the primary nevertheless.
struct Counts {
  int accepted = 0;
  int reads = 0;
  int refused = 0;  // of the reads
};

// Nothing if the text is not accepted.
std::optional<Parsed> parse(const std::string& text);

// Fails the running test where our reader misses something in a text that is accepted; false
// if it is not accepted.
bool compare(const std::string& text, Counts* counts = nullptr);

}  // namespace pgsaba::oracle
