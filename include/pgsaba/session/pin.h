// Pin: why a client keeps its server beyond the end of its transaction: something lives in the
// server's session that cannot be moved to another. Reasons are bits of one value. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace pgsaba::session {

enum class PinReason : std::uint8_t {
  kTemporary,     // temporary tables, views, sequences, functions
  kAdvisoryLock,  // of the session
  kHeldCursor,    // a cursor WITH HOLD
  kPrepared,      // statements prepared by SQL
  kListen,        // channels
  kSequence,      // nextval or setval was called: currval may be asked next
  kIrreversible,  // LOAD, replication origins and the like
  kUnknown,       // the server could not say what is left
};
inline constexpr int kPinReasons = 8;

class Pins {
 public:
  bool any() const { return bits_ != 0; }
  bool has(PinReason reason) const { return (bits_ & bit(reason)) != 0; }
  void set(PinReason reason, bool on = true) {
    bits_ = static_cast<std::uint8_t>(on ? bits_ | bit(reason) : bits_ & ~bit(reason));
  }
  void clear() { bits_ = 0; }
  Pins without(Pins others) const {
    Pins rest;
    rest.bits_ = static_cast<std::uint8_t>(bits_ & ~others.bits_);
    return rest;
  }
  std::uint8_t bits() const { return bits_; }
  // "temporary objects, advisory locks"; empty without any.
  std::string describe() const { return describe_pins(bits_); }
  static std::string describe_pins(std::uint8_t bits);

 private:
  static constexpr std::uint8_t bit(PinReason reason) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(reason));
  }
  std::uint8_t bits_ = 0;
};

}  // namespace pgsaba::session
