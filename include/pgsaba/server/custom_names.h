// CustomNames: the custom parameters ("a.b") that somebody may set out of sight: names that
// statements have mentioned, and that the catalogues of databases do. No list of a server's shows
// them, so that they are asked for by name. One per process; any thread. Bounded: what is beyond is
// not kept for its client, and reset before another one could see it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pgsaba::server {

class CustomNames {
 public:
  static constexpr std::size_t kMost = 256;  // of statements, and as many of catalogues
  using List = std::shared_ptr<const std::vector<std::string>>;  // sorted, each once; never null

  void learn(const std::string& name);
  // What the catalogue of a database mentions, in place of what it did before. False: it is too
  // much, together with that of the others.
  bool found(const std::string& database, std::vector<std::string> names);
  List all() const;
  std::vector<std::string> learned() const;

 private:
  void gather();

  mutable std::mutex mutex_;
  std::vector<std::string> learned_;  // sorted
  std::map<std::string, std::vector<std::string>> found_;
  List all_ = std::make_shared<const std::vector<std::string>>();
};

}  // namespace pgsaba::server
