// What the cluster monitor needs to know of a cluster: whom to ask, as whom, how often.
// Values, made from the configuration; the control thread's. Durations are microseconds.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/address_book.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/config/config.h"

namespace pgsaba::control {

struct MonitorTarget {
  std::string name = {};
  std::string host = {};  // name, numeric address, or directory of a Unix socket
  std::uint16_t port = 5432;
  std::string user = {};  // empty: this server is not asked and its role stays unknown
  std::string password = {};
  std::string database = "postgres";
  config::ServerTls tls = {};
  // Of the host, kept up to date; null: it is looked up for each connection.
  CurrentAddresses addresses = {};
};

// The same as libpq's parameters, which are empty where it has none of its own: name and value.
std::vector<std::pair<const char*, std::string>> libpq_tls(const config::ServerTls& tls);

struct MonitorCluster {
  std::string name = {};
  std::vector<MonitorTarget> servers;  // in the configuration's order
  Micros interval_us = kSecond;

  // A probe that takes longer has failed.
  Micros probe_limit_us() const {
    constexpr Micros kLeast = 2 * kSecond;
    return interval_us > kLeast ? interval_us : kLeast;
  }
};

std::vector<MonitorCluster> monitored_clusters(const config::Config& config,
                                               const AddressBook& addresses);

}  // namespace pgsaba::control
