// Values in PgBouncer's notation in that of ours. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "migration/ini_file.h"

namespace pgsaba::migration {

struct Translated {
  // Within the counterpart's section; the values are YAML.
  std::vector<std::pair<std::string, std::string>> settings;
  std::string note;  // why it is not taken over as it is
  std::vector<std::string> warnings;
  std::string error;  // PgBouncer refuses it, too
};

// `ini` is the main file: paths begin in its directory.
Translated translate(const Counterpart& setting, const IniLine& line, const std::string& ini);

std::string octal(std::string_view text);

// As PgBouncer takes it: 1 to 16383.
std::optional<std::uint32_t> read_peer_id(const std::string& text);

}  // namespace pgsaba::migration
