// Messages that a client sends: builders for those pgsaba sends to servers, and readers of the
// names in those it rewrites. Any thread; values. Builders append to `out`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/cancel_key.h"

namespace pgsaba::wire {

inline constexpr std::uint32_t kProtocol30 = 0x0003'0000;
inline constexpr std::uint32_t kProtocol32 = 0x0003'0002;

using ParameterList = std::vector<std::pair<std::string, std::string>>;

void append_startup(std::string& out, std::uint32_t version, const ParameterList& parameters);
void append_ssl_request(std::string& out);
void append_cancel_request(std::string& out, const CancelKey& key);
void append_password(std::string& out, std::string_view payload);  // 'p', whatever it carries
void append_query(std::string& out, std::string_view sql);
// `rest` is what follows the name in the original Parse: query, count and types.
void append_parse(std::string& out, std::string_view name, std::string_view rest);
// The unnamed portal of a statement without parameters, all of whose rows are wanted.
void append_bind_and_execute(std::string& out, std::string_view statement);
void append_close_statement(std::string& out, std::string_view name);
void append_close_portal(std::string& out, std::string_view name);
void append_describe_statement(std::string& out, std::string_view name);
void append_sync(std::string& out);
void append_flush(std::string& out);
void append_terminate(std::string& out);
void append_copy_fail(std::string& out, std::string_view why);

// Parse: its statement name, and the rest (query text, parameter types) as one key.
struct ParseNames {
  std::string_view statement;
  std::string_view rest;
};
std::optional<ParseNames> read_parse(Bytes body);

// The beginning of a Bind: portal and statement; `head_bytes` is how long both are in the body.
struct BindNames {
  std::string_view portal;
  std::string_view statement;
  std::size_t head_bytes = 0;
};
std::optional<BindNames> read_bind(Bytes body);

// Describe and Close: 'S' or 'P' and a name.
struct ObjectName {
  char kind = 0;
  std::string_view name;
};
std::optional<ObjectName> read_object(Bytes body);

}  // namespace pgsaba::wire
