// Result<T>: a value or the reason why there is none. No exceptions cross a folder's border.
// Any thread; a value type.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace pgsaba {

// Why something failed, for a human: `message` says what happened, `hint` what to do about it.
struct Error {
  std::string message;
  std::string hint = {};
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

struct Nothing {};
// The result of what is done for its effect: `return done();` or an Error.
using Status = Result<Nothing>;
inline Status done() { return Nothing{}; }

}  // namespace pgsaba
