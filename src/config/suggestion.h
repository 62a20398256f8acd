// The known word that an unknown one was probably meant to be. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace pgsaba::config {

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view from, std::string_view to);

// The nearest candidate, or an empty view if none is near. The view points into `candidates`.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace pgsaba::config
