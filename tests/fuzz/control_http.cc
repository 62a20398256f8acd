// What is said to the HTTP pages. An answer is given once, and is one; what has come later does not
// change what was asked.
#include <cstdlib>
#include <string>

#include "control/http_message.h"

namespace {

using namespace pgsaba::control;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Verdict = HttpHead::Verdict;
  const std::string_view received(reinterpret_cast<const char*>(data), size);
  const HttpHead head = read_http_head(received);
  if (head.verdict == Verdict::kIncomplete) {
    require(size <= kMaxHttpHeadBytes + kMaxHttpBodyBytes + 4);
    return 0;
  }
  const HttpHead later = read_http_head(std::string(received) + "more");
  require(later.verdict == head.verdict || received.size() > kMaxHttpHeadBytes);
  require(later.request.path == head.request.path && later.request.query == head.request.query);
  if (head.verdict == Verdict::kAsks) {
    require(received.starts_with("GET ") || received.starts_with("HEAD "));
    require(!head.request.path.empty());
    return 0;
  }
  const std::string text = http_text(head.refusal, true);
  require(head.refusal.status >= 400 && text.ends_with("\r\n\r\n" + head.refusal.body));
  return 0;
}
