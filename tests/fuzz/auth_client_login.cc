// The first byte chooses method and secret, the rest is the client's messages, each after its
// length byte. Whatever a client says, without the password it never gets in.
#include <pgsaba/auth/client_login.h>

#include <array>
#include <cstdlib>

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsaba::auth;
  if (size < 1) return 0;
  static const std::array<Secret, 4> secrets = {
      Secret{NoSecret{}}, Secret{PlainSecret{SecretBytes("a long password nobody guesses")}},
      Secret{Md5Secret{}}, Secret{derive_verifier("another password", "0123456789abcdef", 1)}};
  constexpr std::array kMethods = {ClientAuthMethod::kPassword, ClientAuthMethod::kMd5,
                                   ClientAuthMethod::kScramSha256};
  ClientLoginSettings settings;
  settings.scram_iterations = 1;
  const Secret* secret = (data[0] & 0x80) != 0 ? nullptr : &secrets[data[0] & 3];
  ClientLogin login(kMethods[(data[0] >> 2) % kMethods.size()], "fuzz", secret, settings);
  ClientLoginStep step = login.start();
  pgsaba::Bytes rest(data + 1, size - 1);
  while (!rest.empty() && step.kind != ClientLoginStep::Kind::kFailed) {
    const std::size_t count = std::min<std::size_t>(rest[0], rest.size() - 1);
    step = login.on_message(rest.subspan(1, count));
    rest = rest.subspan(1 + count);
    if (step.kind == ClientLoginStep::Kind::kNeedsKeys) {
      step = login.provide_keys(derive_keys(login.key_request()));
    }
    if (step.kind == ClientLoginStep::Kind::kDone) std::abort();
  }
  return 0;
}
