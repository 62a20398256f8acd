// The real world behind an Environment.
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "pgsaba/config/load.h"

namespace pgsaba::config {
namespace {

std::optional<std::string> read_variable(const std::string& name) {
  const char* value = ::secure_getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

Error last_error() { return Error{std::strerror(errno)}; }  // NOLINT(concurrency-mt-unsafe)

Result<std::string> read_whole_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return last_error();
  if (S_ISDIR(status.st_mode)) return Error{"it is a directory"};
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return last_error();
  // Of a pipe nobody knows the size beforehand.
  std::string content{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad()) return Error{"reading failed"};
  return content;
}

std::vector<std::string> expand_glob(const std::string& pattern) {
  glob_t matches{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches) == 0) {
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  ::globfree(&matches);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Environment system_environment() { return {read_variable, read_whole_file, expand_glob}; }

}  // namespace pgsaba::config
