#include "pgsaba/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace pgsaba::config {
namespace {

constexpr std::size_t kMaxTextBytes = 16UL * 1024 * 1024;
constexpr std::size_t kMaxNodes = 1'000'000;

// Leaves yaml-cpp's parser early; the reason is already among the problems.
struct Stop : std::exception {};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Place file, Problems& problems) : file_(std::move(file)), problems_(problems) {}

  YamlPointer root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) stop(place_at(mark), "a second YAML document is not read");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make_node(YamlNode::Kind::kNull, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(place_at(mark), "an alias stands inside what it names");
    add_child(found->second, place_at(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = make_node(YamlNode::Kind::kScalar, mark);
    node->text = value;
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({make_node(YamlNode::Kind::kList, mark), anchor, nullptr, false, {}});
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({make_node(YamlNode::Kind::kMap, mark), anchor, nullptr, false, {}});
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    YamlPointer key;  // a map's key that still lacks its value
    bool key_is_duplicate = false;
    std::unordered_map<std::string, int> line_of_key;
  };

  Place place_at(const YAML::Mark& mark) const { return {file_.file, mark.line + 1}; }

  std::shared_ptr<YamlNode> make_node(YamlNode::Kind kind, const YAML::Mark& mark) const {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->place = place_at(mark);
    return node;
  }

  [[noreturn]] void stop(const Place& place, std::string message) {
    problems_.error(place, std::move(message));
    throw Stop();
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    const Place place = node->place;
    add_child(std::move(node), place);
  }

  void add_child(YamlPointer child, const Place& place) {
    if (open_.empty()) {
      root_ = std::move(child);
      return;
    }
    Open& parent = open_.back();
    parent.node->weight += child->weight;
    if (parent.node->weight > kMaxNodes) stop(place, "the file is too large");
    if (parent.node->kind == YamlNode::Kind::kList) {
      parent.node->items.push_back(std::move(child));
    } else if (!parent.key) {
      take_key(parent, std::move(child), place);
    } else {
      if (!parent.key_is_duplicate) {
        parent.node->entries.push_back({parent.key->text, parent.key->place, std::move(child)});
      }
      parent.key = nullptr;
    }
  }

  void take_key(Open& parent, YamlPointer key, const Place& place) {
    if (key->kind != YamlNode::Kind::kScalar) {
      stop(place, "a key must be a name, not " + std::string(name_of(key->kind)));
    }
    const auto [known, fresh] = parent.line_of_key.emplace(key->text, place.line);
    parent.key_is_duplicate = !fresh;
    if (!fresh) {
      problems_.error(place, "duplicate key '" + key->text + "'",
                      "it first stands in line " + std::to_string(known->second));
    }
    parent.key = std::move(key);
  }

  Place file_;
  Problems& problems_;
  YamlPointer root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlPointer> anchors_;
};

void read_documents(const std::string& text, TreeBuilder& builder) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  while (parser.HandleNextDocument(builder)) {
  }
}

}  // namespace

std::string_view name_of(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "";
}

YamlPointer parse_yaml(const std::string& text, const Place& file, Problems& problems) {
  if (text.size() > kMaxTextBytes) {
    problems.error(file, "the file is too large");
    return nullptr;
  }
  TreeBuilder builder(file, problems);
  try {
    read_documents(text, builder);
  } catch (const Stop&) {
    return nullptr;
  } catch (const YAML::Exception& failure) {
    problems.error({file.file, failure.mark.line + 1}, "not valid YAML: " + failure.msg);
    return nullptr;
  } catch (const std::exception&) {
    problems.error(file, "not valid YAML");
    return nullptr;
  }
  return builder.root() ? builder.root() : std::make_shared<YamlNode>(YamlNode{.place = file});
}

}  // namespace pgsaba::config
