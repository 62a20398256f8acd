// A client's connection from its first byte to the end of its login, against the whole session: the
// first two bytes choose what is asked for, the rest is what the client does, one operation after
// the other, in plain text or, once hands are shaken, inside of TLS. Whatever it does, it gets in
// only where everybody does; what it is told is whole messages of the protocol; and nothing is told
// in plain text once TLS was agreed upon.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/startup.h"
#include "unit/net/certificates.h"
#include "unit/session/login_host.h"

namespace {

using namespace pgsaba;
using session::ClientSession;

void require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const net::TlsContext> server_context() {
  static const auto made = [] {
    net::TlsOptions options{.identities = {testing::make_identity("db.test", "DNS:db.test")}};
    return *net::TlsContext::make(net::TlsContext::Side::kToClients, std::move(options));
  }();
  return made;
}

std::shared_ptr<const net::TlsContext> client_context() {
  static const auto made = *net::TlsContext::make(net::TlsContext::Side::kToServers, {});
  return made;
}

void set_up(testing::LoginHost& host, std::uint8_t how, std::uint8_t from) {
  constexpr std::array kTypes = {config::AuthType::kTrust, config::AuthType::kPlain,
                                 config::AuthType::kMd5, config::AuthType::kScramSha256};
  config::Config& config = host.configuration;
  config.auth.type = kTypes[how & 3];
  config.auth.file = (how & 4) != 0 ? "users" : "";  // without one, trust asks nobody
  if ((how & 8) != 0) host.tls = server_context();
  if ((how & 16) != 0) config.tls.settings.mode = config::TlsMode::kRequire;
  if ((how & 32) != 0) host.braked = session::SessionHost::Brake::kWait;
  if ((how & 64) != 0) config.auth.plain_passwords = config::PlainPasswords::kAlways;
  const auth::SecretBytes password("a long password that nobody guesses");
  host.login.scram_iterations = 1;
  switch ((from >> 1) & 3) {
    case 0:
      host.known.set("ann", auth::PlainSecret{password});
      break;
    case 1:
      host.known.set("ann", auth::derive_verifier(password.text(), "0123456789abcdef", 1));
      break;
    case 2:
      host.known.set("ann", auth::NoSecret{});
      break;
    default:
      break;  // nobody is known
  }
  host.network.peer = (from & 1) != 0 ? *net::Address::from_unix_path("")
                                      : *net::Address::from_host("192.0.2.1", 9);
}

class Client {
 public:
  explicit Client(testing::LoginHost& host)
      : host_(host), socket_(*host.network.connect({}, {})), session_(host, 1, socket_) {}
  ~Client() {
    if (!over()) session_.end(session::EndReason::kClientClosed);
    run();
    require(host_.buried);
    check();
  }

  bool over() const { return session_.state() == ClientSession::State::kClosed; }

  void say(std::string_view bytes) {
    if (over()) return;
    std::vector<std::uint8_t> sealed;
    if (tls_open_ && tls_->write(bytes_of(bytes), sealed)) bytes = text_of(sealed);
    host_.network.say(socket_, bytes);
    run();
  }
  void hang_up() {
    if (over()) return;
    host_.network.hang_up(socket_);
    run();
  }
  void release_brake() { session_.brake_released(); }

  // As a client that means it.
  void shake_hands() {
    if (tls_ != nullptr || over()) return;
    tls_ = client_context()->connect("db.test");
    std::string answer;
    for (int step = 0; step < 8 && !over() && !tls_open_; ++step) {
      std::vector<std::uint8_t> out;
      const auto outcome = tls_->shake_hands(bytes_of(answer), out);
      if (outcome == net::TlsSession::Handshake::kFailed) return;
      tls_open_ = outcome == net::TlsSession::Handshake::kDone;
      host_.network.say(socket_, text_of(out));
      testing::run(host_.turn());
      if (over() || !host_.network.lines.contains(socket_)) return;
      answer = host_.network.sent(socket_);
      if (tls_open_) return hear(answer);
      // What is not TLS was said in plain text.
      if (!answer.empty() && answer.front() != '\x16') plain_ += answer;
    }
  }

 private:
  void run() {
    testing::run(host_.turn());
    if (host_.network.lines.contains(socket_)) hear(host_.network.sent(socket_));
    hear(std::exchange(host_.network.last_words[socket_], {}));
  }

  void hear(const std::string& bytes) {
    if (tls_ == nullptr) {
      plain_ += bytes;
    } else if (tls_open_ && !bytes.empty()) {
      std::vector<std::uint8_t> room(bytes.size() + net::TlsSession::kKeptBytes);
      std::vector<std::uint8_t> out;
      const auto read = tls_->read(bytes_of(bytes), room, out);
      encrypted_.append(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(read.count));
    }
  }

  // Whole messages of a server's that nobody has logged in to.
  void check_frames(std::string_view told) const {
    wire::FrameReader reader(wire::Direction::kFromServer);
    bool ended = false;
    for (Bytes rest = bytes_of(told); !rest.empty();) {
      const wire::Piece piece = reader.next(rest, 0);
      require(piece.kind == wire::Piece::Kind::kFrame && piece.complete && !ended);
      const bool expected = piece.tag == 'R' || piece.tag == 'v' || piece.tag == 'E';
      require(expected || (piece.tag == 'K' && host_.consoles > 0));
      ended = piece.tag == 'E';
      rest = rest.subspan(piece.bytes.size());
    }
  }

  void check() const {
    std::string_view told = plain_;
    int answers = 0;
    bool agreed = false;
    while (!agreed && (told.starts_with('N') || told.starts_with('S'))) {
      agreed = told.front() == 'S';
      told.remove_prefix(1);
      require(++answers <= 2);
    }
    const bool records = !told.empty() && (told.front() == '\x15' || told.front() == '\x16');
    if (agreed || (records && host_.tls != nullptr)) {
      require(told.empty() || records);  // alerts, or a hello
    } else {
      check_frames(told);
    }
    check_frames(encrypted_);
    if (host_.cancels > 0) require(encrypted_.empty() && (agreed || told.empty()));
  }

  testing::LoginHost& host_;
  net::Socket socket_;
  ClientSession session_;
  std::unique_ptr<net::TlsSession> tls_;
  bool tls_open_ = false;
  std::string plain_;
  std::string encrypted_;
};

// What is worth being said whole; all else is bytes.
void act(Client& client, std::uint8_t operation, Bytes& rest) {
  const auto take = [&](std::size_t count) {
    const Bytes taken = rest.first(std::min(count, rest.size()));
    rest = rest.subspan(taken.size());
    return text_of(taken);
  };
  const auto untagged = [](std::uint32_t code) {
    std::string packet(8, '\0');
    store_be32(reinterpret_cast<std::uint8_t*>(packet.data()), 8);
    store_be32(reinterpret_cast<std::uint8_t*>(packet.data()) + 4, code);
    return packet;
  };
  constexpr std::uint32_t kSsl = 80'877'103;
  constexpr std::uint32_t kGss = 80'877'104;
  std::string packet;
  switch (operation) {
    case 0xf0:
      return client.say(untagged(kSsl));
    case 0xf1:
      return client.say(untagged(kGss));
    case 0xf2:
    case 0xf3:
      wire::append_startup(packet, wire::kProtocol30,
                           {{"user", "ann"}, {"database", operation == 0xf2 ? "shop" : "pgsaba"}});
      return client.say(packet);
    case 0xf4:
      return client.shake_hands();
    case 0xf5:
      return client.hang_up();
    case 0xf6:
      wire::append_cancel_request(packet, {1, "1234"});
      return client.say(packet);
    case 0xf7: {  // a password message of the next so many bytes
      const std::size_t count = rest.empty() ? 0 : rest[0];
      take(1);
      wire::append_password(packet, take(count));
      return client.say(packet);
    }
    case 0xf8:
      return client.release_brake();
    case 0xf9:  // much of the same
      return client.say(std::string(20'000, rest.empty() ? '\0' : static_cast<char>(rest[0])));
    default:
      return client.say(take(operation));
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  testing::LoginHost host;
  set_up(host, data[0], data[1]);
  const bool lets_in = host.configuration.auth.type == config::AuthType::kTrust;
  {
    Client client(host);
    Bytes rest(data + 2, size - 2);
    while (!rest.empty() && !client.over()) {
      const std::uint8_t operation = rest[0];
      rest = rest.subspan(1);
      act(client, operation, rest);
    }
  }
  if (!lets_in) require(host.admitted == 0 && host.consoles == 0 && host.rights == 0);
  return 0;
}
