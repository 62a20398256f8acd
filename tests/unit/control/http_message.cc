#include "control/http_message.h"

#include <doctest/doctest.h>

using namespace pgsaba::control;
using Verdict = HttpHead::Verdict;

namespace {

HttpHead read(const std::string& lines) { return read_http_head(lines + "\r\n\r\n"); }

int status_of(const HttpHead& head) {
  return head.verdict == Verdict::kRefused ? head.refusal.status : 0;
}

}  // namespace

TEST_CASE("what a request asks for") {
  const HttpHead head = read(
      "GET /read%79z?role=replica&database=a+b%2Fc&&flag&=x HTTP/1.1\r\nHost: a\r\n"
      "aUTHORIZATION: \tBasic abc \r\nX: y");
  REQUIRE(head.verdict == Verdict::kAsks);
  CHECK(head.with_body);
  CHECK(head.request.path == "/readyz");
  CHECK(head.request.query ==
        decltype(head.request.query){{"role", "replica"}, {"database", "a b/c"}, {"flag", ""}});
  CHECK(head.request.authorization == "Basic abc");
  CHECK_FALSE(read("HEAD /healthz HTTP/1.0").with_body);
  CHECK(read("GET http://127.0.0.1:9127/metrics HTTP/1.1").request.path == "/metrics");
  CHECK(read("GET https://there HTTP/1.1").request.path == "/");
  CHECK(read("GET /100%zz%4 HTTP/1.1").request.path == "/100%zz%4");
  CHECK(read("GET /a#b?c=d HTTP/1.1").request.path == "/a");
}

TEST_CASE("what is no request, or one that is not served") {
  CHECK(status_of(read("GET /")) == 400);
  CHECK(status_of(read("GET / HTTP/2")) == 505);
  CHECK(status_of(read("PRI * HTTP/2.0")) == 505);
  CHECK(status_of(read("GET  / HTTP/1.1")) == 400);
  CHECK(status_of(read("GET nowhere HTTP/1.1")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\nno colon")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\nName : x")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\n folded: x")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\n: x")) == 400);
  CHECK(status_of(read(std::string("GET / HTTP/1.1\r\na: \0", 20))) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\ncontent-length: 1\r\nContent-Length: 2")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\ncontent-length: -1")) == 400);
  CHECK(status_of(read("GET / HTTP/1.1\r\ncontent-length: 99999999999999999999")) == 413);
  CHECK(status_of(read("POST / HTTP/1.1\r\ncontent-length: 16385")) == 413);
  CHECK(status_of(read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked")) == 501);
  for (const char* method :
       {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"})
    CHECK(status_of(read(std::string(method) + " / HTTP/1.1")) ==
          (std::string(method) == "get" ? 400 : 405));
  CHECK(status_of(read_http_head("\x16\x03\x01")) == 400);  // TLS
  CHECK(status_of(read_http_head(std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8))) == 400);
}

TEST_CASE("a request is answered once all of it is here") {
  const std::string whole = "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    CHECK(read_http_head(whole.substr(0, bytes)).verdict == Verdict::kIncomplete);
  CHECK(status_of(read_http_head(whole)) == 405);
  const std::string endless(kMaxHttpHeadBytes + 1, 'A');
  CHECK(read_http_head(endless.substr(1)).verdict == Verdict::kIncomplete);
  CHECK(status_of(read_http_head(endless)) == 431);
}

TEST_CASE("what an answer looks like") {
  const HttpReply reply{.status = 401, .body = "no\n"};
  const std::string text = http_text(reply, true);
  CHECK(text.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  CHECK(text.find("WWW-Authenticate: Basic realm=\"pgsaba\"") != std::string::npos);
  CHECK(text.ends_with("\r\n\r\nno\n"));
  CHECK(http_text(reply, false).ends_with("\r\n\r\n"));
  CHECK(http_text(reply, false).find("Content-Length: 3\r\n") != std::string::npos);
}
