// Prints the corpus, or the statements of SQL scripts, for a test that runs them: of each a digit,
// 1 for what we call a read, its text and a zero byte.
//   oracle_reads --corpus
//   oracle_reads FILE...       without what psql takes for itself, and without the data of COPY
#include <iostream>
#include <string_view>

#include "oracle/corpus.h"
#include "oracle/script_text.h"

using namespace pgsaba;

namespace {

void print(const std::string& text) {
  const bool read = sql::read_statement(text, {}).access == sql::Access::kRead;
  std::cout << (read ? '1' : '0') << text << '\0';
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "--corpus") {
      for (const std::string& text : oracle::corpus()) print(text);
      continue;
    }
    for (const std::string& text : oracle::statements_of(oracle::text_of_script(arguments[i])))
      print(text);
  }
}
