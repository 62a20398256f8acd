#include <doctest/doctest.h>
#include <pgsaba/auth/scram_key_cache.h>

using namespace pgsaba::auth;

namespace {

ScramKeyRequest request(std::string_view password, std::string_view salt = "salt",
                        std::uint32_t iterations = 2) {
  return {SecretBytes(password), SecretBytes(salt), iterations};
}

}  // namespace

TEST_CASE("key cache: what was derived is found again, by password, salt and iterations") {
  ScramKeyCache cache;
  CHECK(cache.find(request("secret")) == nullptr);
  const ScramKeys keys = find_or_derive(cache, request("secret"));
  CHECK(keys == derive_keys(request("secret")));
  REQUIRE(cache.find(request("secret")) != nullptr);
  CHECK(*cache.find(request("secret")) == keys);
  CHECK(cache.find(request("Secret")) == nullptr);
  CHECK(cache.find(request("secret", "other")) == nullptr);
  CHECK(cache.find(request("secret", "salt", 3)) == nullptr);
  CHECK(cache.id_of(request("secret")) == cache.id_of(request("secret")));
  CHECK(cache.id_of(request("secretsalt", "")) != cache.id_of(request("secret")));
}

TEST_CASE("key cache: a hit costs no derivation") {
  ScramKeyCache cache;
  ScramKeys marked;
  marked.client_key[0] = 77;  // nothing derives to this
  cache.insert(request("secret"), marked);
  CHECK(find_or_derive(cache, request("secret")) == marked);
}

TEST_CASE("key cache: bounded, and the least recently used entry goes first") {
  ScramKeyCache cache(2);
  const ScramKeys keys;
  cache.insert(request("a"), keys);
  cache.insert(request("b"), keys);
  CHECK(cache.find(request("a")) != nullptr);
  cache.insert(request("c"), keys);
  CHECK(cache.size() == 2);
  CHECK(cache.find(request("a")) != nullptr);
  CHECK(cache.find(request("b")) == nullptr);
  CHECK(cache.find(request("c")) != nullptr);
}

TEST_CASE("key cache: a client's guess is not kept") {
  ScramKeyCache cache;
  ScramKeyRequest guess = request("guess");
  guess.keep = KeepKeys::kNever;
  cache.insert(guess, ScramKeys{});
  CHECK(cache.size() == 0);
}

TEST_CASE("key cache: whoever tries names does not drive out what servers are opened with") {
  ScramKeyCache cache(2);
  cache.insert(request("server"), ScramKeys{});
  for (const char* name : {"a", "b", "c", "d"}) {
    ScramKeyRequest made_up = request(name);
    made_up.keep = KeepKeys::kForClients;
    cache.insert(made_up, ScramKeys{});
  }
  CHECK(cache.find(request("server")) != nullptr);
  CHECK(cache.size() == 3);
}

TEST_CASE("key cache: what a login revealed is found by the stored secret, and stays") {
  ScramKeyCache cache(1);
  const ScramVerifier stored = derive_verifier("secret", "salt salt", 4096);
  const ScramVerifier other = derive_verifier("secret", "pepper", 4096);
  CHECK(cache.recall(stored) == nullptr);
  ScramKeyRequest wish = request("secret");
  wish.salt = stored.salt;
  wish.iterations = stored.iterations;
  cache.remember({derive_keys(wish), stored.salt, stored.iterations});
  cache.insert(request("a"), ScramKeys{});
  cache.insert(request("b"), ScramKeys{});
  REQUIRE(cache.recall(stored) != nullptr);
  CHECK(stored_key_of(cache.recall(stored)->keys.client_key) == stored.stored_key);
  CHECK(cache.recall(other) == nullptr);
}
