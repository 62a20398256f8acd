// Texts that nobody would write: pieces of the corpus with words changed, by a generator that
// always begins at the same seed. Most are refused; those that are not show what is missed.
#include <doctest/doctest.h>

#include <random>

#include "oracle/corpus.h"
#include "oracle/parser.h"
#include "sql/lexer.h"

using namespace pgsaba;

namespace {

class Soup {
 public:
  std::string next() {
    std::vector<std::string> words = words_of(pick(texts_));
    for (std::size_t changes = below(4); changes > 0; --changes) change(words);
    if (below(4) == 0) {
      words.emplace_back(";");
      for (std::string& word : words_of(pick(texts_))) words.push_back(std::move(word));
    }
    return join(words);
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  static std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    sql::Lexer lexer(text, {});
    for (sql::Token token = lexer.next(); token.kind != sql::TokenKind::kEnd; token = lexer.next())
      words.emplace_back(token.text);
    return words;
  }

  void change(std::vector<std::string>& words) {
    const std::size_t at = below(words.size() + 1);
    const auto place = words.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<std::string> other = words_of(pick(texts_));
    if (at < words.size() && below(3) == 0) {
      *place = pick(kWords);
    } else if (at < words.size() && below(4) == 0) {
      words.erase(place);
    } else if (below(2) == 0 || other.empty()) {
      words.insert(place, pick(kWords));
    } else {  // some words of another text
      const std::size_t from = below(other.size());
      const std::size_t count = std::min(1 + below(6), other.size() - from);
      const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
      words.insert(place, begin, begin + static_cast<std::ptrdiff_t>(count));
    }
  }

  std::string join(const std::vector<std::string>& words) {
    static const std::vector<std::string> kBlanks = {
        " ", " ", " ", " ", "\n", "\t", "  ", " -- '\n", "/* \" /* ; */ */"};
    std::string text;
    for (const std::string& word : words) text += word + pick(kBlanks);
    return text;
  }

  // NOLINTNEXTLINE(cert-msc51-cpp): the same soups every time
  std::mt19937 random_{20261128};
  const std::vector<std::string> texts_ = oracle::corpus();
  const std::vector<std::string> kWords = {"f(1)",
                                           "f(1)",
                                           "f(1)",
                                           "s.f(1)",
                                           "nextval('s')",
                                           "over(1)",
                                           "conflict(1)",
                                           "insert(1)",
                                           "by(1)",
                                           "set(1)",
                                           "key(1)",
                                           "rollup(1)",
                                           "cube(1)",
                                           "sets(1)",
                                           "zone(1)",
                                           "also(1)",
                                           "hash(1)",
                                           "view(1)",
                                           "type(1)",
                                           "join(1)",
                                           "ilike(1)",
                                           "verbose(1)",
                                           "left(1)",
                                           "lower(1)",
                                           "execute(1)",
                                           "prepare(1)",
                                           "function(1)",
                                           "filter(1)",
                                           "within(1)",
                                           "(1)",
                                           "(f(1))",
                                           "(",
                                           ")",
                                           ",",
                                           ".",
                                           ";",
                                           "::",
                                           "=",
                                           "+",
                                           "::f(1)",
                                           "as",
                                           "as x",
                                           "a",
                                           "b",
                                           "x",
                                           "1",
                                           "'a'",
                                           "$1",
                                           "temp",
                                           "temporary",
                                           "local",
                                           "global",
                                           "into",
                                           "into temp t",
                                           "pg_temp.t",
                                           "\"pg_temp\".x",
                                           "with",
                                           "recursive",
                                           "select",
                                           "select 1",
                                           "from",
                                           "from t",
                                           "where",
                                           "on",
                                           "using",
                                           "distinct",
                                           "distinct on (1)",
                                           "all",
                                           "set",
                                           "reset",
                                           "session",
                                           "transaction",
                                           "to",
                                           "execute p",
                                           "execute",
                                           "prepare",
                                           "prepare p as",
                                           "explain",
                                           "explain analyze",
                                           "hold",
                                           "with hold",
                                           "declare",
                                           "case",
                                           "end",
                                           "when",
                                           "then",
                                           "do",
                                           "do nothing",
                                           "insert",
                                           "update",
                                           "default",
                                           "merge",
                                           "operator(s.+)",
                                           "operator(pg_catalog.+)",
                                           "not",
                                           "and",
                                           "is null",
                                           "returning",
                                           "limit",
                                           "order by",
                                           "group by",
                                           "E'\\''",
                                           "$$;$$",
                                           "U&'x'",
                                           "U&\"x\"",
                                           "begin",
                                           "commit",
                                           "isolation level serializable",
                                           "read only",
                                           "and chain",
                                           "time zone",
                                           "for update",
                                           "for share",
                                           "for no key update",
                                           "for key share",
                                           "into t",
                                           "insert into t",
                                           "delete from t",
                                           "delete",
                                           "update t set x = 1",
                                           "update",
                                           "share",
                                           "(delete from t)",
                                           "as (select 1)",
                                           "x as (delete from t)",
                                           "to stdout",
                                           "copy t",
                                           "copy (select 1)",
                                           "show",
                                           "pg_locks",
                                           ".nextval",
                                           "(x).nextval",
                                           "table",
                                           "role"};
};

}  // namespace

TEST_CASE("soups") {
  Soup soup;
  oracle::Counts counts;
  for (int i = 0; i < 250000; ++i) oracle::compare(soup.next(), &counts);
  CHECK(counts.accepted > 50000);
  MESSAGE("of ", counts.reads, " reads ", counts.refused, " are sent to the primary");
  CHECK(counts.reads > 5000);
  CHECK(counts.refused * 10 < counts.reads);
}
