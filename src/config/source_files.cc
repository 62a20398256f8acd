#include "source_files.h"

#include <algorithm>
#include <filesystem>

#include "expansion.h"

namespace pgsaba::config {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxFiles = 1000;

bool is_pattern(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

}  // namespace

std::string path_beside(const std::string& from, const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(from).parent_path();
  return (directory / path).lexically_normal().string();
}

bool SourceFiles::may_open(const std::string& path, const Place& from) {
  if (std::find(open_.begin(), open_.end(), path) != open_.end()) {
    problems_.error(from, "'" + path + "' includes itself");
    return false;
  }
  if (open_.size() >= kMaxDepth || files_read_ >= kMaxFiles) {
    problems_.error(from, "too many files are included");
    return false;
  }
  return !problems_.full();
}

void SourceFiles::read_file(const std::string& path, const Place& from) {
  if (!may_open(path, from)) return;
  ++files_read_;
  const auto text = environment_.read_file(path);
  if (!text.ok()) {
    problems_.error(from, "cannot read '" + path + "': " + text.error().message, text.error().hint);
    return;
  }
  const Place file{std::make_shared<const std::string>(path), 0};
  const YamlPointer root = parse_yaml(text.value(), file, problems_);
  if (!root || root->kind == YamlNode::Kind::kNull) return;
  if (root->kind != YamlNode::Kind::kMap) {
    problems_.error(root->place,
                    "the file must be a map of sections, not " + std::string(name_of(root->kind)));
    return;
  }
  open_.push_back(path);
  for (const Entry& entry : root->entries) {
    if (entry.key == "include") {
      read_include(*entry.value);
    } else {
      entries_.push_back(entry);
    }
  }
  open_.pop_back();
}

void SourceFiles::read_include(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kList) {
    for (const YamlPointer& item : node.items) include_pattern(*item);
  } else if (node.kind != YamlNode::Kind::kNull) {
    include_pattern(node);
  }
}

void SourceFiles::include_pattern(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) {
    problems_.error(node.place, "include must be a file or a list of files");
    return;
  }
  const auto expanded = expand(node.text, environment_);
  if (!expanded.ok()) {
    problems_.error(node.place, "include: " + expanded.error().message, expanded.error().hint);
    return;
  }
  const std::string path = path_beside(open_.back(), expanded.value());
  if (!is_pattern(path)) {
    read_file(path, node.place);
    return;
  }
  for (const std::string& match : environment_.glob(path)) read_file(match, node.place);
}

}  // namespace pgsaba::config
