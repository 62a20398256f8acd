// Json: what libpg_query prints, as a tree. For text that is surely well-formed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgsaba::oracle {

struct Json {
  struct Member;
  std::string text;             // of a string, number or word
  std::vector<Member> members;  // of an object; of a list, without names

  static Json parse(std::string_view text);
  // An empty one if there is no such member.
  const Json& operator[](std::string_view name) const;
  bool has(std::string_view name) const;
};

struct Json::Member {
  std::string name;
  Json value;
};

}  // namespace pgsaba::oracle
