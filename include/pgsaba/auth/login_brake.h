// LoginBrake: slows down whoever guesses passwords. After some failures of one user from one
// address, the attempts of just these two follow one another with a growing pause, however many
// connections they come by; everybody else, and others behind the same address, are let alone.
// Nobody is kept waiting by anything that blocks: it only says when an attempt may go on.
//
// A right password ends it. It is forgotten some minutes after the last failure.
// Any thread; bounded.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "pgsaba/base/clock.h"

namespace pgsaba::auth {

class LoginBrake {
 public:
  static constexpr std::size_t kMostKnown = 10'000;
  static constexpr std::uint32_t kFree = 3;  // failures that cost nothing: people mistype
  static constexpr Micros kFirstPause = 250 * kMillisecond;
  static constexpr Micros kForgotten = 300 * kSecond;

  // How long the attempt has to wait, which it is taken to do; nothing if that would be longer than
  // `patience`. `longest` is the longest pause; 0: there is no brake.
  std::optional<Micros> admit(const std::string& who, Micros now, Micros longest, Micros patience);
  void failed(const std::string& who, Micros now, Micros longest);
  void passed(const std::string& who);

  std::size_t known() const;

 private:
  struct Record {
    std::uint32_t failures = 0;
    Micros last = 0;
    Micros free_at = 0;  // for the next attempt
  };

  static Micros pause_after(std::uint32_t failures, Micros longest);
  void make_room(Micros now);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Record> records_;
};

// Whom the brake counts as one: the user, from the address, or from the network of an IPv6 host.
std::string brake_name(const std::string& host, const std::string& user);

}  // namespace pgsaba::auth
