// Tag: "@c<client>.<number>@", which every statement text or parameter of a simulated client
// carries and every answer to it echoes: whose it is can be seen in any bytes. A value.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::sim {

inline std::string make_tag(int client, int number) {
  return "@c" + std::to_string(client) + "." + std::to_string(number) + "@";
}

// The first whole tag in `bytes`; empty if there is none.
inline std::string_view find_tag(std::string_view bytes) {
  for (std::size_t at = bytes.find("@c"); at != std::string_view::npos;
       at = bytes.find("@c", at + 1)) {
    const std::size_t end = bytes.find_first_not_of("0123456789.", at + 2);
    if (end != std::string_view::npos && bytes[end] == '@') return bytes.substr(at, end - at + 1);
  }
  return {};
}

// The client of the first tag in `bytes`, also of one that is cut off behind its client.
inline std::optional<int> find_client(std::string_view bytes) {
  for (std::size_t at = bytes.find("@c"); at != std::string_view::npos;
       at = bytes.find("@c", at + 1)) {
    int client = 0;
    const char* const first = bytes.data() + at + 2;
    const char* const last = bytes.data() + bytes.size();
    const auto [end, error] = std::from_chars(first, last, client);
    if (error == std::errc() && end != last && *end == '.') return client;
  }
  return std::nullopt;
}

}  // namespace pgsaba::sim
