// Reads a pg_hba.conf and writes a line for each rule, as the columns of pg_hba_file_rules: fields
// between tabs, values of lists between commas, - for NULL; "error" instead of all that if the line
// has one. For tests that compare with what PostgreSQL makes of the same file.
#include <iostream>
#include <string>

#include "pgsaba/auth/hba.h"

namespace {

using pgsaba::auth::HbaRule;

std::string list(const std::vector<pgsaba::auth::NamePattern>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name.text;
  return text;
}

std::string address(const HbaRule& rule) {
  if (rule.type == pgsaba::auth::HbaType::kLocal) return "-\t-";
  switch (rule.from) {
    case HbaRule::From::kAnywhere:
      return "all\t-";
    case HbaRule::From::kNetwork:
      return rule.network.base().to_string() + "\t" + rule.network.mask().to_string();
    case HbaRule::From::kSameHost:
      return "samehost\t-";
    case HbaRule::From::kSameNet:
      return "samenet\t-";
    case HbaRule::From::kHostName:
      return rule.host_name + "\t-";
  }
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto rules = pgsaba::auth::HbaRules::load(arguments[1], pgsaba::auth::disk_files());
  if (!rules) {
    std::cerr << rules.error().message << '\n';
    return 1;
  }
  for (const HbaRule& rule : rules->rules()) {
    std::cout << rule.line << '\t';
    if (!rule.error.empty()) {
      std::cout << "error\t" << rule.error << '\n';
      continue;
    }
    std::cout << text_of(rule.type) << '\t' << list(rule.databases) << '\t' << list(rule.users)
              << '\t' << address(rule) << '\t' << text_of(rule.method);
    for (const auto& [name, value] : rule.options) std::cout << '\t' << name << '=' << value;
    std::cout << '\n';
  }
}
