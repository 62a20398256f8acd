// CatalogueQuestion: what is asked of a database about objects of its own, and what the answer
// says. Pure.
#pragma once

#include <string>
#include <vector>

#include "pgsaba/sql/own_objects.h"

namespace pgsaba::control {

// For ServerLink, as a table. `trust_declarations`: functions declared IMMUTABLE or STABLE are
// trusted, whatever they are written in; without, only those of extensions and compiled ones are,
// where they stand behind an operator, a type or a name of PostgreSQL's own.
std::string catalogue_question(bool trust_declarations);

std::vector<sql::OwnObject> objects_in(const std::vector<std::string>& fields);
// The custom parameters ("a.b") that functions, views, policies and settings of roles mention, as
// far as their names stand there.
std::vector<std::string> custom_names_in(const std::vector<std::string>& fields);
// Whether a function asks currval or lastval.
bool mentions_sequence_reads(const std::vector<std::string>& fields);

}  // namespace pgsaba::control
