// Messages that a server sends: builders for those pgsaba answers with, readers for those it has to
// understand. Any thread; values. Builders append whole frames to `out`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/cancel_key.h"

namespace pgsaba::wire {

// The byte of ReadyForQuery: the only truth about a transaction.
enum class TransactionStatus : char { kIdle = 'I', kInBlock = 'T', kFailed = 'E' };

// Codes of the 'R' message.
namespace auth_code {
inline constexpr std::uint32_t kOk = 0;
inline constexpr std::uint32_t kCleartext = 3;
inline constexpr std::uint32_t kMd5 = 5;
inline constexpr std::uint32_t kSasl = 10;
inline constexpr std::uint32_t kSaslContinue = 11;
inline constexpr std::uint32_t kSaslFinal = 12;
}  // namespace auth_code

void append_authentication(std::string& out, std::uint32_t code, std::string_view payload);
void append_parameter_status(std::string& out, std::string_view name, std::string_view value);
void append_backend_key(std::string& out, const CancelKey& key);
void append_ready(std::string& out, TransactionStatus status);
void append_command_complete(std::string& out, std::string_view tag);
// `version` is the newest one we speak; `options` are the `_pq_.` names we do not know.
void append_negotiate_version(std::string& out, std::uint32_t version,
                              const std::vector<std::string>& options);

inline constexpr std::string_view kCloseComplete{"3\0\0\0\4", 5};
inline constexpr std::string_view kParseComplete{"1\0\0\0\4", 5};
inline constexpr std::string_view kEmptyQuery{"I\0\0\0\4", 5};

struct AuthenticationRequest {
  std::uint32_t code = 0;
  std::string_view payload;
};
std::optional<AuthenticationRequest> read_authentication(Bytes body);
std::optional<std::pair<std::string_view, std::string_view>> read_parameter_status(Bytes body);
std::optional<CancelKey> read_backend_key(Bytes body);
std::optional<TransactionStatus> read_ready(Bytes body);
// The tag of a CommandComplete, without its terminator.
// The channel of a NotificationResponse; empty if it is broken.
std::string_view read_channel(Bytes body);
std::string_view read_payload(Bytes body);
std::string_view read_command_tag(Bytes body);

}  // namespace pgsaba::wire
