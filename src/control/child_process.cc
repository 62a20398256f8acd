#include "child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "nap.h"

namespace pgsaba::control {
namespace {

std::vector<char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) {
    ::sigaction(number, &standard, nullptr);
  }
}

bool become(const Account& account) {
  return ::setgroups(0, nullptr) == 0 && ::setgid(account.gid) == 0 && ::setuid(account.uid) == 0;
}

// Between fork and exec: nothing here may allocate or lock. Returns only on failure.
void become_program(const ChildOptions& options, char* const* arguments, char* const* environment,
                    int log_fd, pid_t parent) {
  ::setsid();
  reset_signals();
  const int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (::dup2(null_fd, 0) < 0 || ::dup2(log_fd, 1) < 0 || ::dup2(log_fd, 2) < 0) return;
  if (options.account && !become(*options.account)) return;
  if (::chdir(options.directory.c_str()) != 0) return;
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, options.death_signal) != 0) return;
  if (::getppid() != parent) ::_exit(1);  // we died before the kernel was told
  ::execve(arguments[0], arguments, environment);
}

Error start_error(const std::string& program, int problem) {
  return Error{"cannot start " + program + ": " + std::strerror(problem)};
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ChildOptions& options) {
  const std::vector<char*> arguments = c_strings(options.arguments);
  const std::vector<char*> environment = c_strings(options.environment);
  char* const* used_environment = options.environment.empty() ? ::environ : environment.data();
  const std::string& program = options.arguments.front();
  const int log_fd =
      ::open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) return start_error(program, errno);
  std::array<int, 2> report{};  // closes by itself when exec succeeds
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    ::close(log_fd);
    return start_error(program, errno);
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become_program(options, arguments.data(), used_environment, log_fd, parent);
    const int problem = errno;
    static_cast<void>(!::write(report[1], &problem, sizeof problem));
    ::_exit(127);
  }
  const int fork_problem = errno;
  ::close(log_fd);
  ::close(report[1]);
  int problem = pid < 0 ? fork_problem : 0;
  while (pid > 0 && ::read(report[0], &problem, sizeof problem) < 0 && errno == EINTR) {
  }
  ::close(report[0]);
  if (pid > 0 && problem != 0) ::waitpid(pid, nullptr, 0);
  if (problem != 0) return start_error(program, problem);
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    stop({}, 0);
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

ChildProcess::~ChildProcess() { stop({}, 0); }

bool ChildProcess::running() {
  if (pid_ <= 0) return false;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return true;
  status_ = ended == pid_ ? status : -1;
  pid_ = -1;
  return false;
}

bool ChildProcess::wait(Micros limit, const Interrupted& interrupted) {
  const Micros deadline = monotonic_now() + limit;
  while (running()) {
    if (monotonic_now() >= deadline || (interrupted && interrupted())) return false;
    nap(5 * kMillisecond);
  }
  return true;
}

void ChildProcess::stop(const std::vector<int>& signals, Micros limit) {
  for (const int number : signals) {
    if (!running()) return;
    ::kill(pid_, number);
    if (wait(limit)) return;
  }
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  wait(kNever / 2);  // a killed process ends, unless the kernel holds it
}

std::string ChildProcess::how_it_ended() const {
  if (!status_) return "still runs";
  if (WIFSIGNALED(*status_)) return "was ended by signal " + std::to_string(WTERMSIG(*status_));
  return "exited with status " + std::to_string(WEXITSTATUS(*status_));
}

}  // namespace pgsaba::control
