#include "control/successor_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace pgsaba::control {
namespace {

constexpr std::string_view kVariable = "PGSABA_TAKEOVER=";
constexpr int kFirstOther = 3;

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In a child of a process with threads: nothing but system calls. Never returns.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         int end) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close_range(kFirstOther, ~0U, CLOSE_RANGE_CLOEXEC);
  ::fcntl(end, F_SETFD, 0);
  ::execve(program, arguments, environment);
  ::_exit(127);
}

}  // namespace

std::string own_program() {
  std::array<char, PATH_MAX> room{};
  const ssize_t size = ::readlink("/proc/self/exe", room.data(), room.size());
  return size > 0 ? std::string(room.data(), static_cast<std::size_t>(size)) : std::string();
}

Result<int> start_successor(const std::string& program, const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment) {
  if (::access(program.c_str(), X_OK) != 0)
    return Error{"cannot execute \"" + program + "\": " + std::strerror(errno)};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error{std::string("socketpair: ") + std::strerror(errno)};
  std::vector<std::string> own_arguments = arguments;
  std::vector<std::string> all = environment;
  for (char** one = ::environ; *one != nullptr; ++one) all.emplace_back(*one);
  all.push_back(std::string(kVariable) + std::to_string(ends[1]));
  const std::vector<char*> argv = pointers_to(own_arguments);
  const std::vector<char*> envp = pointers_to(all);
  const pid_t between = ::fork();
  if (between == 0) {
    if (const pid_t successor = ::fork(); successor != 0) ::_exit(successor < 0 ? 1 : 0);
    become(program.c_str(), argv.data(), envp.data(), ends[1]);
  }
  const int error = errno;
  ::close(ends[1]);
  int status = 1;
  while (between > 0 && ::waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }
  if (between > 0 && status == 0) return ends[0];
  ::close(ends[0]);
  return Error{std::string("fork: ") + std::strerror(between < 0 ? error : EAGAIN)};
}

int passed_takeover() {
  const std::string name(kVariable.substr(0, kVariable.size() - 1));
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return -1;
  const int end = std::atoi(value);
  ::unsetenv(name.c_str());
  struct stat what {};
  if (end < kFirstOther || ::fstat(end, &what) != 0 || !S_ISSOCK(what.st_mode)) return -1;
  ::fcntl(end, F_SETFD, FD_CLOEXEC);
  return end;
}

}  // namespace pgsaba::control
