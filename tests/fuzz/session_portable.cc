// Bytes that another process sent, behind the number of the format: they are read or refused, and
// what was read is written as it was. Cut off, or followed by something, it is no session.
#include <cstdlib>
#include <string>

#include "pgsaba/base/bytes.h"
#include "pgsaba/base/fields.h"
#include "pgsaba/session/portable_session.h"

namespace {

using namespace pgsaba;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes;
  FieldWriter(bytes).number(session::PortableSession::kFormat);
  bytes += text_of({data, size});
  const auto session = session::unpack(bytes);
  if (!session) return 0;
  const std::string packed = session::pack(*session);
  const auto again = session::unpack(packed);
  require(again.ok() && *again == *session && session::pack(*again) == packed);
  require(!session::unpack(bytes + "x"));
  require(!session::unpack(std::string_view(bytes).substr(0, bytes.size() - 1)));
  return 0;
}
