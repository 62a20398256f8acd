// A console with a fake executor, and its output as text: one word for each message.
// For the tests of ConsoleSession only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/admin/console_session.h"
#include "pgsaba/base/bytes.h"

namespace pgsaba::admin {

// Answers SHOW at once and keeps everything else until it is told to end it.
class FakeExecutor : public AdminExecutor {
 public:
  std::optional<AdminReply> run(Ticket ticket, const AdminCommand& command) override {
    ran.push_back(tag_of(command));
    if (!std::holds_alternative<Show>(command)) {
      last_ticket = ticket;
      return std::nullopt;
    }
    AdminReply reply;
    reply.table = ResultTable{columns_of(command), shown};
    return reply;
  }
  void abandon(Ticket ticket) override { abandoned.push_back(ticket); }

  std::vector<Row> shown = {{cell("active"), cell("yes")}};
  std::vector<std::string> ran;
  std::vector<Ticket> abandoned;
  Ticket last_ticket = 0;
};

// The value of an error's field.
inline std::string error_field(std::string_view body, char code) {
  for (std::size_t at = 0; at < body.size() && body[at] != '\0';) {
    const std::size_t end = body.find('\0', at);
    if (body[at] == code) return std::string(body.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return {};
}

// "T:2" columns, "D:a,b" values, "C:tag", "E:sqlstate message", "N:message", "Z:I", else the tag.
inline std::string describe_message(char tag, std::string_view body) {
  std::string text(1, tag);
  switch (tag) {
    case 'T':
      return text + ":" + std::to_string(load_be16(bytes_of(body).data()));
    case 'D': {
      text += ":";
      for (std::size_t at = 2; at < body.size();) {
        const std::uint32_t length = load_be32(bytes_of(body).data() + at);
        const bool null = length == UINT32_MAX;
        text += (at == 2 ? "" : ",") + (null ? "NULL" : std::string(body.substr(at + 4, length)));
        at += 4 + (null ? 0 : length);
      }
      return text;
    }
    case 'C':
      return text + ":" + std::string(body.substr(0, body.find('\0')));
    case 'E':
      return text + ":" + error_field(body, 'C') + " " + error_field(body, 'M');
    case 'N':
      return text + ":" + error_field(body, 'M');
    case 'Z':
      return text + ":" + std::string(body);
    default:
      return text;
  }
}

inline std::string describe_output(std::string_view output) {
  std::string all;
  while (output.size() >= 5) {
    const std::uint32_t length = load_be32(bytes_of(output).data() + 1);
    all += (all.empty() ? "" : " | ") + describe_message(output[0], output.substr(5, length - 4));
    output.remove_prefix(1 + std::size_t{length});
  }
  return output.empty() ? all : all + " | half a message";
}

inline std::string text_z(std::string_view text) { return std::string(text) + '\0'; }

class ConsoleHarness {
 public:
  explicit ConsoleHarness(Access access = Access::kAdmin) : session(executor, access) {}

  void send(char tag, const std::string& body = {}) { session.receive(tag, bytes_of(body)); }
  void query(std::string_view sql) { send('Q', text_z(sql)); }
  void parse(std::string_view name, std::string_view sql) {
    send('P', text_z(name) + text_z(sql) + std::string(2, '\0'));
  }
  // `formats` as they stand in the message, one byte each.
  void bind(std::string_view portal, std::string_view name, std::vector<char> formats = {}) {
    std::string body = text_z(portal) + text_z(name) + std::string(4, '\0');
    body += std::string(1, '\0') + static_cast<char>(formats.size());
    for (const char format : formats) body += std::string(1, '\0') + format;
    send('B', body);
  }
  void describe(char kind, std::string_view name) { send('D', kind + text_z(name)); }
  void execute(std::string_view portal, char max_rows = 0) {
    send('E', text_z(portal) + std::string(3, '\0') + max_rows);
  }
  void sync() { send('S'); }

  std::string output() { return describe_output(session.take_output()); }
  std::string answer(std::string_view sql) {
    query(sql);
    return output();
  }

  FakeExecutor executor;
  ConsoleSession session;
};

}  // namespace pgsaba::admin
