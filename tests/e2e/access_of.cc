// Reads a text per line and writes a line for each: 0 for a read, or how strong the access is that
// makes it none. For tests that take their texts from a server's catalogue.
#include <iostream>
#include <string>

#include "pgsaba/sql/statement.h"

int main() {
  for (std::string text; std::getline(std::cin, text);)
    std::cout << static_cast<int>(pgsaba::sql::read_statement(text, {}).access) << '\n';
}
