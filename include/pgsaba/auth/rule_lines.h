// RuleLines: the lexical form that pg_hba.conf and pg_ident.conf share. A line is a list of fields,
// a field a list of tokens between commas. Quotes take a token's special meaning away; # starts a
// comment; a backslash at the end continues a line; @name inside a list stands for the tokens of
// that file; `include`, `include_if_exists` and `include_dir` stand for a file's lines.
//
// What is wrong with a line stands in the line, so that all of a file's errors can be shown. Pure:
// files are read through RuleFiles. Names in them are relative to the file that names them.
// Source: PostgreSQL, chapters 21.1 and 21.2 and src/backend/libpq/hba.c.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::auth {

struct RuleToken {
  std::string text;
  bool quoted = false;  // it begins with a quote: no keyword, no @file, no +role

  bool is(std::string_view keyword) const { return !quoted && text == keyword; }
  friend bool operator==(const RuleToken&, const RuleToken&) = default;
};

using RuleField = std::vector<RuleToken>;

struct RuleLine {
  std::string file;
  std::size_t number = 0;  // of its first line in the file
  std::vector<RuleField> fields;
  std::string error;  // not empty: the rest means nothing
};

struct RuleFiles {
  std::function<Result<std::string>(const std::string& path)> read;
  // The files of a directory whose names end in .conf, sorted.
  std::function<Result<std::vector<std::string>>(const std::string& path)> list;
  std::function<bool(const std::string& path)> exists;
};

// The files of this machine; whoever reads them waits for the disk.
RuleFiles disk_files();

// An error only if the file itself cannot be read.
Result<std::vector<RuleLine>> read_rule_lines(const std::string& path, const RuleFiles& files);

}  // namespace pgsaba::auth
