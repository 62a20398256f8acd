#include "sql/instance.h"

#include <array>

#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

// Beside those that begin with pg_stat_ or pg_statio_.
constexpr std::string_view kRelations[] = {
    "pg_aios",
    "pg_available_extension_versions",
    "pg_available_extensions",
    "pg_backend_memory_contexts",
    "pg_buffercache",
    "pg_buffercache_numa",
    "pg_buffercache_os_pages",
    "pg_config",
    "pg_cursors",
    "pg_dsm_registry_allocations",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_locks",
    "pg_prepared_statements",
    "pg_prepared_xacts",
    "pg_replication_origin_status",
    "pg_replication_slots",
    "pg_sequences",
    "pg_settings",
    "pg_shmem_allocations",
    "pg_shmem_allocations_numa",
};

constexpr WordIndex<64> kRelationIndex(kRelations);

bool begins_with(std::string_view name, std::string_view prefix) {
  return name.size() > prefix.size() && same_word(name.substr(0, prefix.size()), prefix);
}

}  // namespace

bool describes_instance(std::string_view relation) {
  if (!begins_with(relation, "pg_")) return false;
  return begins_with(relation, "pg_stat_") || begins_with(relation, "pg_statio_") ||
         kRelationIndex.find(relation) != std::size(kRelations);
}

}  // namespace pgsaba::sql
