#include "pgsaba/routing/definitions.h"

namespace pgsaba::routing {

std::shared_ptr<Definitions> DefinitionsBook::of(const DatabaseName& database) {
  const std::lock_guard lock(mutex_);
  auto& place = databases_[database];
  if (!place) place = std::make_shared<Definitions>();
  return place;
}

void DefinitionsBook::everything_changed() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, definitions] : databases_) definitions->changed();
}

}  // namespace pgsaba::routing
