// HTTP as values: what a client asks of the pages, read from the head of its request, and what it
// is answered. One request a connection; bodies are counted, and not looked at. Pure; any thread.
// Source: RFC 9112, 9110. What could be read in two ways is refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pgsaba::control {

struct HttpRequest {
  std::string path;                                       // decoded
  std::map<std::string, std::string, std::less<>> query;  // ?role=replica, decoded
  std::string authorization = {};                         // the header of that name
};

struct HttpReply {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

struct HttpHead {
  enum class Verdict : std::uint8_t { kIncomplete, kAsks, kRefused };
  Verdict verdict = Verdict::kIncomplete;
  HttpRequest request = {};  // kAsks
  bool with_body = true;     // whether the answer has one: not to HEAD
  HttpReply refusal = {};    // kRefused
};

// Of a head, and of a body behind it.
constexpr std::size_t kMaxHttpHeadBytes = 16'384;
constexpr std::size_t kMaxHttpBodyBytes = 16'384;

// kIncomplete also while a body is under way: an answer before it is read could be lost with it.
HttpHead read_http_head(std::string_view received);

// What is sent, from the first byte to the last.
std::string http_text(const HttpReply& reply, bool with_body);

}  // namespace pgsaba::control
