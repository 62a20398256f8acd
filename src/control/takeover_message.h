// TakeoverMessage: what two processes say to each other while the second takes over from the first,
// and its bytes. Pure; any thread. What is read may be anything: it is read or refused.
//
//   first process                              second process
//   kHello, kListener …, kStanding,
//   kCatalogue …, kBegin                 ──▶  reads its configuration, looks at the servers
//                                          ◀──  kReady, or kFailed and its end
//   kServe                                 ──▶  lets clients in, from here on
//   kHeirloom, kClientPart …, kClient      ──▶
//                                          ◀──  kAnswer
//   kDecision                              ──▶
//   kCancel                               ◀─▶   a request whose key the sender does not know
//                                          ◀──  kHandedOn: to a third process; kStopping
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/base/result.h"

namespace pgsaba::control {

struct TakeoverMessage {
  // Of all of this. A process speaks to no other format than its own.
  static constexpr std::uint64_t kFormat = 1;

  enum class Kind : std::uint8_t {
    kHello,      // number: the format; text: the version
    kListener,   // with a socket. text: its address; more: its path, if it is ours; flag: inherited
    kStanding,   // text: what is paused and disabled (Standing)
    kCatalogue,  // is known. text: the cluster; more: the database
    kBegin,      // that was all
    kReady,      // number: the process
    kFailed,     // text: why
    kServe,      // -
    kHeirloom,   // text: worker::Heirloom
    kClientPart,  // number; text: a part of its session
    kClient,      // with a socket. number; text: the last part
    kAnswer,      // number; flag: it is taken
    kDecision,    // number; flag: it is the second's now
    kCancel,      // number: of the process in the key; text: the secret
    kHandedOn,    // -
    kStopping,    // number: worker::ShutdownMode
  };

  Kind kind = Kind::kHello;
  std::uint64_t number = 0;
  bool flag = false;
  std::string text = {};
  std::string more = {};

  bool operator==(const TakeoverMessage&) const = default;
};

std::string pack(const TakeoverMessage& message);
Result<TakeoverMessage> unpack_message(std::string_view bytes);

}  // namespace pgsaba::control
