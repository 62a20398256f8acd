// A YAML document as a tree that remembers lines and keeps every scalar as text, so that the
// settings table alone decides about types. This is the only place that knows yaml-cpp. Duplicate
// keys, a second document and documents that grow without bound through aliases are errors.
// Control thread; the tree lives for one load(). Source of the rules: YAML 1.2, 3.2.1 and 7.1.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/config/problems.h"

namespace pgsaba::config {

struct YamlNode;
using YamlPointer = std::shared_ptr<const YamlNode>;

struct Entry {
  std::string key;
  Place place;  // of the key
  YamlPointer value;
};

struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Place place = {};
  std::string text = {};                // kScalar
  std::vector<YamlPointer> items = {};  // kList
  std::vector<Entry> entries = {};      // kMap, in the file's order
  std::size_t weight = 1;               // nodes in this subtree, aliases counted as often as used
};

std::string_view name_of(YamlNode::Kind kind);  // "a list", "a map", ...

// Null if there was an error. An empty text is a kNull node.
YamlPointer parse_yaml(const std::string& text, const Place& file, Problems& problems);

}  // namespace pgsaba::config
