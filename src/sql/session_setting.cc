#include "pgsaba/sql/session_setting.h"

#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

constexpr std::string_view kSettings[] = {
#include "sql/settings.inc"
};

constexpr WordIndex<512> kSettingIndex(kSettings);

}  // namespace

bool is_session_setting(std::string_view name) {
  return kSettingIndex.find(name) != std::size(kSettings);
}

}  // namespace pgsaba::sql
