// TLS without sockets: contexts, sessions, and what a peer may not do.
#include "pgsaba/net/tls.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "certificates.h"

using namespace pgsaba;
using net::TlsContext;
using net::TlsOptions;
using net::TlsSession;
using Handshake = TlsSession::Handshake;
using Side = TlsContext::Side;
using Block = std::vector<std::uint8_t>;

namespace {

const net::TlsIdentity& identity() {
  static const net::TlsIdentity made = testing::make_identity("db.test", "DNS:db.test,IP:10.0.0.1");
  return made;
}

std::shared_ptr<const TlsContext> context(Side side, TlsOptions options = {}) {
  if (side == Side::kToClients && options.identities.empty()) options.identities = {identity()};
  auto made = TlsContext::make(side, std::move(options));
  REQUIRE_MESSAGE(made.ok(), (made ? "" : made.error().message));
  return *made;
}

TlsOptions only(net::TlsVersion version) { return {.minimum = version, .maximum = version}; }

struct Pair {
  std::unique_ptr<TlsSession> server;
  std::unique_ptr<TlsSession> client;
  Handshake of_server = Handshake::kGoesOn;
  Handshake of_client = Handshake::kGoesOn;

  // In pieces of `size` bytes.
  void shake_hands(std::size_t size = 100'000) {
    Block to_server;
    Block to_client;
    of_client = client->shake_hands({}, to_server);
    for (int i = 0; i < 20'000 && !(to_server.empty() && to_client.empty()); ++i) {
      pass(to_server, *server, to_client, of_server, size);
      pass(to_client, *client, to_server, of_client, size);
    }
  }

 private:
  static void pass(Block& from, TlsSession& to, Block& answers, Handshake& state,
                   std::size_t size) {
    if (from.empty()) return;
    const std::size_t count = std::min(size, from.size());
    const Block piece(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    if (state == Handshake::kGoesOn) {
      state = to.shake_hands(piece, answers);
      return;
    }
    Block into(piece.size() + TlsSession::kKeptBytes);
    to.read(piece, into, answers);  // tickets
  }
};

Pair pair_of(const std::shared_ptr<const TlsContext>& server,
             const std::shared_ptr<const TlsContext>& client, const std::string& host) {
  return {server->accept(), client->connect(host)};
}

std::string passed(TlsSession& from, TlsSession& to, const std::string& text, std::size_t cut) {
  Block sealed;
  REQUIRE(from.write(bytes_of(text), sealed));
  std::string got;
  for (std::size_t at = 0; at < sealed.size(); at += cut) {
    const Bytes piece = Bytes(sealed).subspan(at, std::min(cut, sealed.size() - at));
    Block into(piece.size() + TlsSession::kKeptBytes);
    Block answers;
    const TlsSession::Read read = to.read(piece, into, answers);
    CHECK_FALSE(read.failed);
    got += text_of(Bytes(into).first(read.count));
  }
  return got;
}

}  // namespace

TEST_CASE("hands are shaken however the bytes are cut, and what is sealed is opened") {
  for (const auto version : {net::TlsVersion::k12, net::TlsVersion::k13}) {
    for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
      CAPTURE(cut);
      Pair pair = pair_of(context(Side::kToClients, only(version)),
                          context(Side::kToServers, only(version)), "db.test");
      pair.shake_hands(cut);
      REQUIRE(pair.of_server == Handshake::kDone);
      REQUIRE(pair.of_client == Handshake::kDone);
      const std::string text(100'000, 'x');
      CHECK(passed(*pair.client, *pair.server, text, 1'000 + cut) == text);
      CHECK(passed(*pair.server, *pair.client, text, 5'000) == text);
      CHECK(pair.server->agreed_on_protocol());
      CHECK(pair.server->description() == pair.client->description());
      CHECK(pair.server->server_end_point().size() == 32);
      CHECK(pair.server->server_end_point() == pair.client->server_end_point());
      CHECK_FALSE(pair.server->peer_is_known());
    }
  }
}

TEST_CASE("what comes right behind the handshake is kept") {
  Pair pair = pair_of(context(Side::kToClients), context(Side::kToServers), "");
  Block one;
  Block two;
  pair.client->shake_hands({}, one);
  pair.server->shake_hands(one, two);
  one.clear();
  REQUIRE(pair.client->shake_hands(two, one) == Handshake::kDone);
  REQUIRE(pair.client->write(bytes_of("at once"), one));
  two.clear();
  REQUIRE(pair.server->shake_hands(one, two) == Handshake::kDone);
  CHECK(pair.server->keeps_bytes());
  Block into(TlsSession::kKeptBytes);
  const auto read = pair.server->read({}, into, two);
  CHECK(text_of(Bytes(into).first(read.count)) == "at once");
  CHECK_FALSE(pair.server->keeps_bytes());
}

TEST_CASE("a goodbye is told from a cut") {
  Pair pair = pair_of(context(Side::kToClients), context(Side::kToServers), "");
  pair.shake_hands();
  Block sealed;
  pair.client->write(bytes_of("last words"), sealed);
  pair.client->say_goodbye(sealed);
  Block into(sealed.size() + TlsSession::kKeptBytes);
  Block answers;
  const auto read = pair.server->read(sealed, into, answers);
  CHECK(text_of(Bytes(into).first(read.count)) == "last words");
  CHECK(read.ended);
  CHECK_FALSE(read.failed);
}

TEST_CASE("the server's certificate has to be made out to the host that was meant") {
  TlsOptions options;
  options.ca_name = "ca.crt";
  options.ca_pem = identity().chain_pem;
  options.verify = net::TlsVerify::kChainAndName;
  const auto verifying = context(Side::kToServers, options);
  for (const auto& row : {std::pair("db.test", true), std::pair("10.0.0.1", true),
                          std::pair("DB.test", true), std::pair("other.test", false),
                          std::pair("10.0.0.2", false), std::pair("x.db.test", false)}) {
    const std::string host = row.first;
    const bool right = row.second;
    CAPTURE(host);
    Pair pair = pair_of(context(Side::kToClients), verifying, host);
    pair.shake_hands();
    CHECK((pair.of_client == Handshake::kDone) == right);
    if (!right) CHECK(pair.client->failure().find(host) != std::string::npos);
  }
  options.ca_pem = testing::make_identity("other", "").chain_pem;
  Pair pair = pair_of(context(Side::kToClients), context(Side::kToServers, options), "db.test");
  pair.shake_hands();
  CHECK(pair.of_client == Handshake::kFailed);
  CHECK(pair.client->failure().find("certificate is refused") != std::string::npos);
}

TEST_CASE("a client's certificate is asked for, and known by its name") {
  TlsOptions options;
  const auto own = testing::make_identity("alice", "");
  options.identities = {identity()};
  options.ca_name = "ca.crt";
  options.ca_pem = own.chain_pem;
  options.verify = net::TlsVerify::kChain;
  options.maximum = net::TlsVersion::k12;  // where the client hears of it inside the handshake
  const auto asking = context(Side::kToClients, options);
  TlsOptions showing;
  showing.identities = {own};
  Pair known = pair_of(asking, context(Side::kToServers, showing), "");
  known.shake_hands();
  REQUIRE(known.of_server == Handshake::kDone);
  CHECK(known.server->peer_is_known());
  CHECK(known.server->peer_common_name() == "alice");
  Pair nobody = pair_of(asking, context(Side::kToServers), "");
  nobody.shake_hands();
  CHECK(nobody.of_server == Handshake::kFailed);
  options.verify = net::TlsVerify::kIfGiven;
  Pair let_in = pair_of(context(Side::kToClients, options), context(Side::kToServers), "");
  let_in.shake_hands();
  REQUIRE(let_in.of_server == Handshake::kDone);
  CHECK_FALSE(let_in.server->peer_is_known());
  CHECK(let_in.server->peer_common_name().empty());
}

TEST_CASE("what cannot be used says which file or setting it is") {
  const auto complaint = [](auto change) {
    TlsOptions options{.identities = {identity()}};
    change(options);
    const auto made = TlsContext::make(Side::kToClients, options);
    return made ? std::string() : made.error().message;
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(complaint([](TlsOptions& o) { o.ciphers = "NONSENSE"; }), "ciphers"));
  CHECK(has(complaint([](TlsOptions& o) { o.ciphersuites = "NONSENSE"; }), "ciphersuites"));
  CHECK(has(complaint([](TlsOptions& o) { o.curves = "NONSENSE"; }), "curves"));
  CHECK(has(complaint([](TlsOptions& o) { o.identities[0].chain_pem = "x"; }), "db.test.crt"));
  CHECK(has(complaint([](TlsOptions& o) { o.identities[0].key_pem = "x"; }), "key of"));
  CHECK(has(complaint([](TlsOptions& o) {
              o.identities[0].key_pem = testing::make_identity("x", "").key_pem;
            }),
            "does not belong"));
  CHECK(has(complaint([](TlsOptions& o) {
              o.verify = net::TlsVerify::kChain;
              o.ca_name = "empty.pem";
            }),
            "empty.pem"));
}

TEST_CASE("a peer that updates its keys again and again is given up") {
  struct Free {
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    void operator()(SSL* session) const { ::SSL_free(session); }
  };
  const std::unique_ptr<SSL_CTX, Free> plain(::SSL_CTX_new(::TLS_client_method()));
  const std::unique_ptr<SSL, Free> peer(::SSL_new(plain.get()));
  BIO* to_peer = ::BIO_new(::BIO_s_mem());
  BIO* from_peer = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(peer.get(), to_peer, from_peer);
  ::SSL_set_connect_state(peer.get());
  const auto said = [&] {
    char* data = nullptr;
    const long size = BIO_get_mem_data(from_peer, &data);
    Block block(data, data + size);
    (void)BIO_reset(from_peer);
    return block;
  };
  const auto server = context(Side::kToClients)->accept();
  Handshake state = Handshake::kGoesOn;
  while (state == Handshake::kGoesOn) {
    ::SSL_do_handshake(peer.get());
    Block answer;
    state = server->shake_hands(said(), answer);
    ::BIO_write(to_peer, answer.data(), static_cast<int>(answer.size()));
  }
  REQUIRE(state == Handshake::kDone);
  const auto update = [&](int times) {
    Block block;
    for (int i = 0; i < times; ++i) {
      ::SSL_key_update(peer.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
      ::SSL_do_handshake(peer.get());
      const Block more = said();
      block.insert(block.end(), more.begin(), more.end());
    }
    Block into(block.size() + TlsSession::kKeptBytes);
    Block answers;
    return server->read(block, into, answers);
  };
  for (int i = 0; i < 5; ++i) CHECK_FALSE(update(20).failed);
  CHECK(update(100).failed);
  CHECK(server->failure() == "too many key updates");
}
