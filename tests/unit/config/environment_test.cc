// The real environment: files on a disk, the process's variables.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pgsaba/config/load.h"

using namespace pgsaba;
using namespace pgsaba::config;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::temp_directory_path() /
              ("pgsaba_config_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_ / "conf.d");
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a file with includes and a secret is read from disk") {
  const TemporaryDirectory directory;
  directory.write("pgsaba.yaml", "include: conf.d/*.yaml\nauth: {type: trust}\n");
  directory.write("conf.d/b.yaml", "users: {b: {}}\n");
  directory.write("conf.d/a.yaml",
                  "databases: {a: {host: h, user: \"${PGSABA_TEST_USER}\", password_file: pw}}\n");
  directory.write("conf.d/pw", "secret\n");
  directory.write("conf.d/empty", "");
  ::setenv("PGSABA_TEST_USER", "someone", 1);
  const Environment environment = system_environment();
  const auto config = load(directory.path("pgsaba.yaml"), environment);
  ::unsetenv("PGSABA_TEST_USER");
  REQUIRE_MESSAGE(config.ok(), (config.ok() ? "" : config.error().message));
  CHECK((*config)->databases.at("a").user == "someone");
  CHECK((*config)->databases.at("a").password == "secret");
  CHECK((*config)->users.contains("b"));
  CHECK_FALSE(load(directory.path("pgsaba.yaml"), environment).ok());

  CHECK(environment.read_file(directory.path("conf.d/empty")).value().empty());
  CHECK_FALSE(environment.read_file(directory.path("conf.d")).ok());
  CHECK(environment.read_file(directory.path("none")).error().message ==
        "No such file or directory");
  CHECK(environment.glob(directory.path("conf.d/*.yaml")) ==
        std::vector<std::string>{directory.path("conf.d/a.yaml"), directory.path("conf.d/b.yaml")});
}
