// The documents that the settings table already knows: conf/pgsaba.yaml and man/pgsaba.yaml.5.
// Tests compare the files with these texts. Pure.
#pragma once

#include <string>

namespace pgsaba::config {

// A file that starts a pooler in front of a local server; every other setting is there as a
// comment, with its default.
std::string sample_text();

// In man(7) macros.
std::string manual_text();

}  // namespace pgsaba::config
