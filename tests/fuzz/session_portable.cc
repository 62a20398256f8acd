// Bytes that another process sent: they are read or refused, and what was read is written as it
// was.
#include <cstdlib>

#include "pgsaba/base/bytes.h"
#include "pgsaba/session/portable_session.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsaba;
  const auto session = session::unpack(text_of({data, size}));
  if (!session) return 0;
  const auto again = session::unpack(session::pack(*session));
  if (!again || !(*again == *session)) std::abort();
  return 0;
}
