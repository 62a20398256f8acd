// Workload: what a simulated client says, batch by batch, chosen by chance. Every name of a
// prepared statement is used by all clients, each meaning something else by it. One per client.
#pragma once

#include <string>

#include "sim/random.h"

namespace pgsaba::sim {

struct WorkloadHabits {
  int extended_percent = 50;
  int copy_percent = 6;
  int big_percent = 4;
  int failure_percent = 6;
  int settings_percent = 6;
  int discard_percent = 1;
  int transaction_percent = 20;
  int misuse_percent = 8;   // names that exist already, or do not exist
  int pin_percent = 0;      // statements about what lives in one server
  int listen_percent = 0;   // LISTEN, UNLISTEN, NOTIFY
  int prepare_percent = 0;  // PREPARE, EXECUTE, DEALLOCATE
  long sleep_us = 5'000;
  bool plain = false;  // nothing but one short statement per batch
};

// How a COPY FROM STDIN is sent.
enum class CopyStyle : unsigned char {
  kNone,
  kAsk,    // the client waits for CopyInResponse before it sends data
  kBlind,  // all of it at once
};

struct Batch {
  std::string bytes;
  int owed_ready = 1;  // ReadyForQuery it brings, if no COPY begins in it
  CopyStyle copy = CopyStyle::kNone;
  std::string copy_data;      // of kAsk: sent once the server asks for it, with the end and Sync
  std::string copy_ready;     // of kAsk: sent instead when the COPY is refused
  bool exclusive = false;     // the client waits for its answer before it says more
  std::string listens = {};   // it is a LISTEN or UNLISTEN of this channel, and nothing else
  bool synced_early = false;  // its Sync stands before the data: ignored if the COPY begins
};

class Workload {
 public:
  Workload(int client, WorkloadHabits habits, Random& random)
      : client_(client), habits_(habits), random_(random) {}

  // `status` as the last ReadyForQuery told; `alone`: nothing else is outstanding.
  Batch next(char status, bool alone);
  std::string tag() { return make(); }

 private:
  std::string make();
  std::string statement(char status);
  std::string setting();
  std::string pinning(bool simple);
  std::string notifying();
  std::string preparing();
  Batch listening();
  Batch simple(char status, bool alone);
  Batch extended(char status);
  Batch copy_in();
  void add_unit(Batch& batch, char status, int index);

  int client_;
  WorkloadHabits habits_;
  Random& random_;
  int next_tag_ = 0;
  bool copy_left_ = false;  // the unnamed statement may be a COPY FROM STDIN
};

}  // namespace pgsaba::sim
