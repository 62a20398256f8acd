#include "control/top/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace pgsaba::control::top {
namespace {

// Of xterm, and of everything that imitates it: a screen of its own, cursor hidden.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kRestOfLine = "\x1b[K";
constexpr std::string_view kRestOfScreen = "\x1b[J";
constexpr std::string_view kPlainAgain = "\x1b[0m";

constexpr int kEnds[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t asked_to_end = 0;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string_view sequence_of(Look look) {
  switch (look) {
    case Look::kTitle:
      return "\x1b[1m";
    case Look::kHeading:
      return "\x1b[7m";
    case Look::kWarning:
      return "\x1b[33m";
    case Look::kAlarm:
      return "\x1b[1;31m";
    case Look::kPlain:
      break;
  }
  return "";
}

void on_signal(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(number, &action, nullptr);
}

// A signal that came before this ends the wait as well: nobody waits for an interval to end then.
int poll_or_signal(pollfd& keys, Micros time) {
  sigset_t ends;
  sigset_t before;
  ::sigemptyset(&ends);
  for (const int number : kEnds) ::sigaddset(&ends, number);
  ::pthread_sigmask(SIG_BLOCK, &ends, &before);
  const timespec limit{time / kSecond, time % kSecond * 1'000};
  const int ready = asked_to_end != 0 ? 0 : ::ppoll(&keys, 1, &limit, &before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return ready;
}

}  // namespace

Terminal::Terminal() {
  asked_to_end = 0;
  for (const int number : kEnds) on_signal(number, [](int) { asked_to_end = 1; });
  on_signal(SIGWINCH, [](int) {});  // ends the wait
  is_keyboard_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (is_keyboard_) {
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  }
  write_all(kEnter);
}

Terminal::~Terminal() {
  write_all(kLeave);
  if (is_keyboard_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

Extent Terminal::extent() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {24, 80};
  return {size.ws_row, size.ws_col};
}

void Terminal::show(const std::vector<Line>& lines) {
  std::string text(kHome);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += "\r\n";
    text += sequence_of(lines[i].look);
    text += lines[i].text;
    text += kPlainAgain;
    text += kRestOfLine;
  }
  text += kRestOfScreen;
  write_all(text);
}

Wish Terminal::wait(Micros time) {
  pollfd keys{is_keyboard_ ? STDIN_FILENO : -1, POLLIN, 0};
  const int ready = poll_or_signal(keys, time);
  if (asked_to_end != 0) return Wish::kQuit;
  if (ready == 0) return Wish::kRefresh;
  if (ready < 0) return Wish::kNone;
  char key = 'q';  // the keyboard is gone
  if (::read(STDIN_FILENO, &key, 1) != 1) return Wish::kQuit;
  constexpr char kEscape = '\x1b';
  constexpr char kEndOfText = '\x04';
  if (key == 'q' || key == 'Q' || key == kEndOfText) return Wish::kQuit;
  return key == kEscape ? Wish::kNone : Wish::kRefresh;
}

}  // namespace pgsaba::control::top
