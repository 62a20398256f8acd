#include "control/catalogue_question.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>

#include "pgsaba/sql/statement.h"

namespace pgsaba::control {
namespace {

using sql::OwnKind;

// Names of objects in views and expressions get their schema, unless they are PostgreSQL's own.
// Whoever changes a view keeps it locked: he is not waited for.
constexpr std::string_view kBefore =
    "SET LOCAL search_path = ''; SET LOCAL lock_timeout = '1s'; SET LOCAL jit = off; ";

// What initdb has not made; schemas of sessions are looked into by nobody else.
constexpr std::string_view kFunctions = R"(
WITH RECURSIVE space AS MATERIALIZED (
 SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)_'),
own AS MATERIALIZED (
 SELECT p.oid, p.proname, p.prokind, p.prorettype, p.provolatile = 'v' AS volatile,
  l.lanname IN ('c', 'internal') OR EXISTS (SELECT FROM pg_depend d
   WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS compiled,
  p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1 AND EXISTS (SELECT FROM pg_type t
   WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p')) AS of_row
 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND p.pronamespace IN (SELECT oid FROM space)),
plain AS MATERIALIZED (
 SELECT oid FROM own WHERE prokind <> 'a' AND (volatile OR NOT (compiled OR $trust))),
untrusted AS MATERIALIZED (
 SELECT oid FROM plain UNION ALL SELECT aggfnoid::oid FROM pg_aggregate
 WHERE aggtransfn IN (SELECT oid FROM plain) OR aggfinalfn IN (SELECT oid FROM plain)
  OR aggcombinefn IN (SELECT oid FROM plain) OR aggserialfn IN (SELECT oid FROM plain)
  OR aggdeserialfn IN (SELECT oid FROM plain) OR aggmtransfn IN (SELECT oid FROM plain)
  OR aggminvtransfn IN (SELECT oid FROM plain) OR aggmfinalfn IN (SELECT oid FROM plain)),)";

// A constant with a dot is taken for the name of a parameter where the function calls set_config at
// all; elsewhere only what is surely meant as one is.
constexpr std::string_view kSources = R"(
source AS MATERIALIZED (
 SELECT CASE WHEN p.prosrc = '' THEN pg_get_functiondef(p.oid) ELSE p.prosrc END AS text
 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND p.prokind <> 'a' AND l.lanname NOT IN ('c', 'internal')),
mentioned(name) AS (
 SELECT m[1] FROM source, regexp_matches(text, '''([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)''', 'gi') m
  WHERE text ~* 'set_config'
 UNION SELECT m[1] FROM source, regexp_matches(text,
  '(?:current_setting\s*\(\s*''+|\mset\s+(?:session\s+)?)([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)', 'gi') m
 UNION SELECT split_part(c, '=', 1) FROM pg_proc p, unnest(p.proconfig) c WHERE p.oid >= 16384
 UNION SELECT split_part(c, '=', 1) FROM pg_db_role_setting, unnest(setconfig) c),)";

// An operator that shares its name with one of PostgreSQL's is known by the types it is for; so is
// one that PostgreSQL uses by itself to sort, group or compare. Whatever has such a type inside is
// such a type.
constexpr std::string_view kTypes = R"(
operation AS MATERIALIZED (
 SELECT o.oid, o.oprname, o.oprleft, o.oprright,
  EXISTS (SELECT FROM pg_operator b WHERE b.oid < 16384 AND b.oprname = o.oprname)
   OR EXISTS (SELECT FROM pg_amop m WHERE m.amopopr = o.oid) AS implied
 FROM pg_operator o WHERE o.oprcode::oid IN (SELECT oid FROM untrusted)),
root(oid, cause) AS (
 SELECT oid, 'type with a function that is not trusted' FROM pg_type
  WHERE typinput::oid IN (SELECT oid FROM untrusted) OR typoutput::oid IN (SELECT oid FROM untrusted)
   OR typreceive::oid IN (SELECT oid FROM untrusted) OR typsend::oid IN (SELECT oid FROM untrusted)
 UNION ALL SELECT t.oid, 'type with a cast that is not trusted' FROM pg_cast c
  JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget)
  WHERE t.oid >= 16384 AND c.castfunc IN (SELECT oid FROM untrusted)
 UNION ALL SELECT t.oid, 'type with an operator that is not trusted' FROM operation o
  JOIN pg_type t ON t.oid IN (o.oprleft, o.oprright) WHERE o.implied AND t.oid >= 16384
 UNION ALL SELECT amproclefttype, 'type with a function that is not trusted' FROM pg_amproc
  WHERE amproc::oid IN (SELECT oid FROM untrusted) AND amproclefttype >= 16384),
type(oid, cause) AS (
 SELECT oid, min(cause) FROM root GROUP BY oid
 UNION SELECT o.oid, type.cause FROM type, LATERAL (
  SELECT t.oid FROM pg_type t WHERE t.typelem = type.oid OR t.typbasetype = type.oid
  UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngsubtype = type.oid
  UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
   WHERE a.atttypid = type.oid AND NOT a.attisdropped AND c.reltype <> 0) o))";

constexpr std::string_view kObjects = R"(
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END, c.relname, 'foreign table'
 FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('S', 'f')
  AND c.relnamespace IN (SELECT oid FROM space)
UNION ALL SELECT 'relation', c.relname, 'column of a ' || type.cause
 FROM type JOIN pg_attribute a ON a.atttypid = type.oid AND NOT a.attisdropped AND a.attnum > 0
 JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
 WHERE c.relnamespace IN (SELECT oid FROM space)
UNION ALL SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c
 WHERE c.oid >= 16384 AND c.relkind = 'v' AND c.relnamespace IN (SELECT oid FROM space)
UNION ALL SELECT 'policy', c.relname, pg_get_expr(p.polqual, p.polrelid)
 FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE c.relrowsecurity AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL
UNION ALL SELECT 'type', t.typname, type.cause FROM type JOIN pg_type t ON t.oid = type.oid
UNION ALL SELECT 'domain', t.typname, pg_get_expr(k.conbin, 0)
 FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid
 WHERE t.oid >= 16384 AND k.contype = 'c' AND t.typnamespace IN (SELECT oid FROM space)
UNION ALL SELECT DISTINCT 'domain column', c.relname, t.typname
 FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid
 JOIN pg_attribute a ON a.atttypid = t.oid AND NOT a.attisdropped
 JOIN pg_class c ON c.oid = a.attrelid WHERE t.oid >= 16384 AND k.contype = 'c'
UNION ALL SELECT DISTINCT 'row function', proname, '' FROM own
 WHERE of_row AND oid IN (SELECT oid FROM untrusted)
UNION ALL SELECT DISTINCT 'untrusted', proname, '' FROM own WHERE oid IN (SELECT oid FROM untrusted)
UNION ALL SELECT 'trusted', proname, '' FROM own WHERE $trust GROUP BY proname
 HAVING NOT bool_or(volatile OR prokind = 'p' OR oid IN (SELECT oid FROM untrusted)
  OR prorettype IN (SELECT oid FROM type))
UNION ALL SELECT DISTINCT 'operator', o.oprname, '' FROM operation o WHERE NOT o.implied
UNION ALL SELECT 'anything', '', 'operator ' || o.oprname || ' that is not trusted'
 FROM operation o WHERE o.implied AND o.oprleft < 16384 AND o.oprright < 16384
UNION ALL SELECT 'anything', '', 'cast between types of PostgreSQL that is not trusted'
 FROM pg_cast c WHERE c.castsource < 16384 AND c.casttarget < 16384
  AND c.castfunc IN (SELECT oid FROM untrusted)
UNION ALL SELECT 'sequence read', '', '' WHERE EXISTS (
 SELECT FROM source WHERE text ~* '\m(currval|lastval)\M')
UNION ALL SELECT DISTINCT 'custom parameter', lower(name), '' FROM mentioned
 WHERE strpos(name, '.') > 0
UNION ALL SELECT DISTINCT 'volatile function', p.proname, '' FROM pg_proc p
 WHERE p.oid < 16384 AND p.provolatile = 'v' AND p.pronamespace = 'pg_catalog'::regnamespace
ORDER BY 1, 2, 3)";

struct Word {
  std::string_view text;
  OwnKind kind;
};
constexpr std::array kWords = {
    Word{"relation", OwnKind::kRelation},
    Word{"sequence", OwnKind::kSequence},
    Word{"view", OwnKind::kView},
    Word{"policy", OwnKind::kPolicy},
    Word{"type", OwnKind::kType},
    Word{"domain", OwnKind::kDomain},
    Word{"domain column", OwnKind::kDomainColumn},
    Word{"row function", OwnKind::kRowFunction},
    Word{"untrusted", OwnKind::kUntrusted},
    Word{"trusted", OwnKind::kTrusted},
    Word{"operator", OwnKind::kOperator},
    Word{"anything", OwnKind::kAnything},
    Word{"volatile function", OwnKind::kVolatileFunction},
};

constexpr std::size_t kColumns = 3;  // of an answer

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
    text.replace(at, what.size(), with);
}

}  // namespace

std::string catalogue_question(bool trust_declarations) {
  std::string question;
  for (const std::string_view part : {kBefore, kFunctions, kSources, kTypes, kObjects})
    question += part;
  replace_all(question, "$trust", trust_declarations ? "true" : "false");
  return question;
}

std::vector<sql::OwnObject> objects_in(const std::vector<std::string>& fields) {
  std::vector<sql::OwnObject> objects;
  for (std::size_t at = 0; at + kColumns <= fields.size(); at += kColumns) {
    const auto* word = std::ranges::find(kWords, fields[at], &Word::text);
    if (word != kWords.end()) objects.push_back({word->kind, fields[at + 1], fields[at + 2]});
  }
  return objects;
}

bool mentions_sequence_reads(const std::vector<std::string>& fields) {
  return std::ranges::find(fields, "sequence read") != fields.end();
}

std::vector<std::string> custom_names_in(const std::vector<std::string>& fields) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at + kColumns <= fields.size(); at += kColumns) {
    if (fields[at] == "custom parameter") {
      names.push_back(fields[at + 1]);
    } else if (fields[at] == "view" || fields[at] == "policy" || fields[at] == "domain") {
      std::ranges::move(sql::hidden_settings(fields[at + 2]), std::back_inserter(names));
    }
  }
  return names;
}

}  // namespace pgsaba::control
