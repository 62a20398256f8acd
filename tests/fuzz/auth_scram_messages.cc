// Client-first, client-final and server-first messages as the two halves of SCRAM read them; with
// the real nonce put in front where a message is refused without it.
#include <cstdlib>
#include <string>

#include "auth/scram_client.h"
#include "auth/scram_server.h"

using namespace pgsaba::auth;

namespace {

void feed_server(std::string_view text) {
  ScramServer server("0123456789abcdef", 1, "server");
  if (server.read_client_first(text)) {
    if (server.read_client_first("n,,n=,r=client")) std::abort();
  }
  if (!server.read_client_final(text)) (void)server.proof_matches(Sha256Digest{});
  const std::string with_nonce = "c=biws,r=clientserver" + std::string(text);
  if (!server.read_client_final(with_nonce)) {
    if (server.proof_matches(Sha256Digest{})) std::abort();
  }
}

void feed_client(std::string_view text) {
  ScramClient client("client");
  const std::string with_nonce = "r=clientserver" + std::string(text);
  if (client.read_server_first(text, 2) && client.read_server_first(with_nonce, 2)) return;
  if (client.iterations() < 1 || client.iterations() > 2 || client.salt().empty()) std::abort();
  const ScramKeys keys =
      derive_keys({SecretBytes("secret"), SecretBytes(client.salt()), client.iterations()});
  (void)client.client_final(keys);
  if (!client.verify_server_final(text)) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  feed_server(pgsaba::text_of({data, size}));
  feed_client(pgsaba::text_of({data, size}));
  return 0;
}
