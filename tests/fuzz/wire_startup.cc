// A client's first packets. What is understood can be built again from what was understood.
#include <cstdlib>

#include "pgsaba/wire/startup.h"

namespace {

using namespace pgsaba;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes rest(data, size);
  while (const auto cut = wire::cut_startup(rest)) {
    require(cut->consumed > 0 && cut->consumed <= rest.size());
    const Bytes packet = rest.first(cut->consumed);
    const auto* startup = std::get_if<wire::StartupMessage>(&cut->packet);
    std::string again;
    if (startup != nullptr && startup->major() == 3) {
      wire::append_startup(again, startup->version, startup->parameters);
      require(again == text_of(packet));
    } else if (const auto* cancel = std::get_if<wire::CancelRequest>(&cut->packet)) {
      require(cancel->key.secret.size() >= 4);
      require(cancel->key.secret.size() <= wire::kMaxCancelSecretBytes);
      wire::append_cancel_request(again, cancel->key);
      require(again == text_of(packet));
    }
    // One byte less is not yet a packet.
    if (!std::holds_alternative<wire::BrokenStartup>(cut->packet))
      require(!wire::cut_startup(packet.first(packet.size() - 1)));
    rest = rest.subspan(cut->consumed);
  }
  return 0;
}
