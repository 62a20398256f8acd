#include "control/http_message.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace pgsaba::control {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kBadRequest = "this is no request that HTTP knows\n";

HttpHead refused(int status, std::string_view body) {
  HttpHead head;
  head.verdict = HttpHead::Verdict::kRefused;
  head.refusal = {.status = status, .body = std::string(body)};
  return head;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Service Unavailable";
  }
}

std::string_view take_until(std::string_view& rest, std::string_view separator) {
  const std::size_t at = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(std::min(rest.size(), at + separator.size()));
  return part;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t from = std::min(text.find_first_not_of(kBlank), text.size());
  const std::size_t to = text.find_last_not_of(kBlank);
  return to == std::string_view::npos ? std::string_view() : text.substr(from, to + 1 - from);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = lower(c);
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return std::nullopt;
}

// "%41" is "A"; a plus is a blank where forms write it. A percent sign that begins nothing stays.
std::string decoded(std::string_view text, bool of_form) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        plain.push_back(static_cast<char>(*high << 4U | *low));
        i += 2;
        continue;
      }
    }
    plain.push_back(of_form && text[i] == '+' ? ' ' : text[i]);
  }
  return plain;
}

// "/readyz?role=replica", or a whole URL, as a proxy is asked.
bool read_target(std::string_view target, HttpRequest& request) {
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    target.remove_prefix(std::min(target.find('/'), target.size()));
    if (target.empty()) target = "/";
  }
  if (!target.starts_with('/')) return false;
  target = target.substr(0, target.find('#'));
  request.path = decoded(take_until(target, "?"), false);
  while (!target.empty()) {
    std::string_view one = take_until(target, "&");
    const std::string_view name = take_until(one, "=");
    if (!name.empty()) request.query.emplace(decoded(name, true), decoded(one, true));
  }
  return true;
}

// What the lines behind the first one say.
struct Fields {
  std::size_t body_bytes = 0;
  bool has_length = false;
  bool in_chunks = false;
};

bool read_length(std::string_view value, Fields& fields) {
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
  const bool whole = !value.empty() && end == value.data() + value.size();
  if (error == std::errc::result_out_of_range) bytes = kMaxHttpBodyBytes + 1;
  if (!whole || (fields.has_length && bytes != fields.body_bytes)) return false;
  fields.body_bytes = bytes;
  fields.has_length = true;
  return true;
}

bool read_field(std::string_view line, Fields& fields, HttpRequest& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  if (name.find_first_of(" \t") != std::string_view::npos) return false;  // also a folded line
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "authorization")) request.authorization = value;
  if (same_word(name, "transfer-encoding")) fields.in_chunks = true;
  return !same_word(name, "content-length") || read_length(value, fields);
}

bool is_text(std::string_view head) {
  return std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= ' ' && byte != 0x7f) || c == '\t' || c == '\r' || c == '\n';
  });
}

bool is_token(std::string_view method) {
  return !method.empty() && std::ranges::all_of(method, [](char c) { return c > ' ' && c <= '~'; });
}

HttpHead read_whole(std::string_view lines, std::size_t behind) {
  if (!is_text(lines)) return refused(400, kBadRequest);
  std::string_view first = take_until(lines, kLineEnd);
  const std::string_view method = take_until(first, " ");
  const std::string_view target = take_until(first, " ");
  HttpHead head;
  Fields fields;
  if (!is_token(method) || !first.starts_with("HTTP/")) return refused(400, kBadRequest);
  if (first != "HTTP/1.1" && first != "HTTP/1.0") return refused(505, "HTTP/1.1 is spoken here\n");
  while (!lines.empty())
    if (!read_field(take_until(lines, kLineEnd), fields, head.request))
      return refused(400, kBadRequest);
  if (fields.in_chunks) return refused(501, "bodies are not read here\n");
  if (fields.body_bytes > kMaxHttpBodyBytes) return refused(413, "bodies are not read here\n");
  if (behind < fields.body_bytes) return {};
  if (method != "GET" && method != "HEAD") return refused(405, "these pages are read-only\n");
  if (!read_target(target, head.request)) return refused(400, kBadRequest);
  head.verdict = HttpHead::Verdict::kAsks;
  head.with_body = method == "GET";
  return head;
}

}  // namespace

// Whatever does not begin as a request never becomes one: TLS, where none is spoken, is told so at
// once instead of after a while.
HttpHead read_http_head(std::string_view received) {
  if (!received.empty() && (received.front() < 'A' || received.front() > 'Z'))
    return refused(400, kBadRequest);
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = received.find(kEnd);
  if (std::min(end, received.size()) > kMaxHttpHeadBytes)
    return refused(431, "the head of the request is too long\n");
  if (end == std::string_view::npos) return {};
  return read_whole(received.substr(0, end), received.size() - end - kEnd.size());
}

std::string http_text(const HttpReply& reply, bool with_body) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text += reason_of(reply.status);
  text += "\r\nContent-Type: " + reply.type +
          "\r\nContent-Length: " + std::to_string(reply.body.size()) +
          "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
          "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "
          "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'; "
          "base-uri 'none'; form-action 'none'\r\nReferrer-Policy: no-referrer\r\n";
  if (reply.status == 401)
    text += "WWW-Authenticate: Basic realm=\"pgsaba\", charset=\"UTF-8\"\r\n";
  if (reply.status == 405) text += "Allow: GET, HEAD\r\n";
  text += "\r\n";
  if (with_body) text += reply.body;
  return text;
}

}  // namespace pgsaba::control
