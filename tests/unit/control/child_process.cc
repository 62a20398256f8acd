#include "control/child_process.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using namespace pgsaba;
using namespace pgsaba::control;

namespace {

struct TemporaryFile {
  std::string path = "/tmp/pgsaba-child-XXXXXX";
  TemporaryFile() { ::close(::mkstemp(path.data())); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

ChildOptions shell(const std::string& script) {
  return {.arguments = {"/bin/sh", "-c", script}, .environment = {"WORD=saba"}};
}

}  // namespace

TEST_CASE("a program runs with its directory, environment and log") {
  const TemporaryFile log;
  ChildOptions options = shell("echo $WORD; pwd >&2; exit 3");
  options.directory = "/usr";
  options.log_file = log.path;
  auto child = ChildProcess::start(options);
  REQUIRE(child.ok());
  CHECK(child->wait(5 * kSecond));
  CHECK_FALSE(child->succeeded());
  CHECK(child->how_it_ended() == "exited with status 3");
  CHECK(log.text() == "saba\n/usr\n");
}

TEST_CASE("what cannot start says so") {
  CHECK(ChildProcess::start({.arguments = {"/no/such/program"}}).error().message ==
        "cannot start /no/such/program: No such file or directory");
  ChildOptions nowhere = shell("exit 0");
  nowhere.directory = "/no/such/directory";
  CHECK_FALSE(ChildProcess::start(nowhere).ok());
}

TEST_CASE("waiting ends at its limit or when interrupted") {
  auto child = ChildProcess::start(shell("sleep 30"));
  REQUIRE(child.ok());
  CHECK_FALSE(child->wait(20 * kMillisecond));
  const Micros start = monotonic_now();
  CHECK_FALSE(child->wait(20 * kSecond, [] { return true; }));
  CHECK(monotonic_now() - start < 5 * kSecond);
  child->stop({SIGTERM}, 5 * kSecond);
  CHECK(child->how_it_ended() == "was ended by signal 15");
}

TEST_CASE("a program that ignores its signals is killed") {
  auto child = ChildProcess::start(shell("trap '' TERM INT; while :; do sleep 0.01; done"));
  REQUIRE(child.ok());
  child->wait(100 * kMillisecond);
  child->stop({SIGTERM, SIGINT}, 50 * kMillisecond);
  CHECK(child->how_it_ended() == "was ended by signal 9");
}

TEST_CASE("a program does not outlive the one that started it") {
  const TemporaryFile pid_file;
  const pid_t parent = ::fork();
  if (parent == 0) {  // starts a child and dies without a word
    auto child = ChildProcess::start(shell("echo $$ > " + pid_file.path + "; exec sleep 30"));
    while (pid_file.text().empty()) ::usleep(1'000);
    ::_exit(0);
  }
  REQUIRE(::waitpid(parent, nullptr, 0) == parent);
  const pid_t orphan = std::stoi(pid_file.text());
  const auto gone = [&] {  // gone, or dead and not yet collected by init
    std::ifstream status("/proc/" + std::to_string(orphan) + "/stat");
    std::string text((std::istreambuf_iterator<char>(status)), {});
    return text.empty() || text.find(") Z ") != std::string::npos;
  };
  const Micros deadline = monotonic_now() + 5 * kSecond;
  while (!gone() && monotonic_now() < deadline) ::usleep(1'000);
  CHECK(gone());
}
