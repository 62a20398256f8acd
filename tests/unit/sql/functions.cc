// Every volatile function of PostgreSQL, and those that are labelled stable but are not the same on
// every server: whether a call of it may run on a standby. Functions of newer servers and of
// extensions are among them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pgsaba/sql/statement.h"

using namespace pgsaba::sql;

namespace {

struct Row {
  Access access;
  AccessReason reason;
  std::vector<const char*> functions;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      // Refused by a standby
      {Access::kWrite,
       AccessReason::kWritingFunction,
       {"nextval", "setval", "pg_notify", "txid_current", "pg_current_xact_id",
        "pg_replication_origin_create", "pg_replication_origin_drop",
        "pg_replication_origin_advance", "pg_replication_origin_xact_setup",
        "pg_replication_origin_xact_reset", "lo_creat", "lo_create", "lo_from_bytea", "lo_put",
        "lowrite", "lo_truncate", "lo_truncate64", "lo_import", "pg_logical_emit_message",
        "pg_nextoid", "lo_unlink", "brin_summarize_new_values", "brin_summarize_range",
        "brin_desummarize_range", "gin_clean_pending_list", "pg_switch_wal",
        "pg_create_restore_point", "pg_import_system_collations", "pg_logical_slot_get_changes",
        "pg_logical_slot_get_binary_changes", "pg_logical_slot_peek_changes",
        "pg_logical_slot_peek_binary_changes", "pg_restore_relation_stats",
        "pg_clear_relation_stats", "pg_restore_attribute_stats", "pg_clear_attribute_stats",
        // A standby does not refuse these, but nobody else sees what they made there.
        "pg_export_snapshot", "lo_open", "lo_export"}},
      {Access::kWrite,
       AccessReason::kAdvisoryLock,
       {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock",
        "pg_try_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_shared",
        "pg_advisory_unlock_all", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared",
        "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"}},
      {Access::kWrite,
       AccessReason::kControlFunction,
       {"pg_wal_replay_pause",
        "pg_wal_replay_resume",
        "pg_promote",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_log_backend_memory_contexts",
        "pg_drop_replication_slot",
        "pg_replication_slot_advance",
        "pg_stat_reset",
        "pg_stat_reset_shared",
        "pg_stat_reset_slru",
        "pg_stat_reset_replication_slot",
        "pg_stat_reset_subscription_stats",
        "pg_stat_reset_single_table_counters",
        "pg_stat_reset_single_function_counters",
        "pg_stat_reset_backend_stats",
        "pg_stat_force_next_flush",
        "pg_stat_clear_snapshot",
        "pg_log_standby_snapshot",
        "pg_sync_replication_slots"}},
      {Access::kWrite,
       AccessReason::kSessionFunction,
       {"setseed", "pg_replication_origin_session_setup", "pg_replication_origin_session_reset",
        "pg_backup_start", "pg_backup_stop", "pg_create_physical_replication_slot",
        "pg_create_logical_replication_slot", "pg_copy_physical_replication_slot",
        "pg_copy_logical_replication_slot", "dblink_connect", "dblink_disconnect", "set_limit"}},
      // About one server
      {Access::kPrimaryRead,
       AccessReason::kInstanceFunction,
       {"pg_current_wal_lsn",
        "pg_current_wal_insert_lsn",
        "pg_current_wal_flush_lsn",
        "pg_walfile_name",
        "pg_walfile_name_offset",
        "pg_is_in_recovery",
        "pg_last_wal_receive_lsn",
        "pg_last_wal_replay_lsn",
        "pg_last_xact_replay_timestamp",
        "pg_is_wal_replay_paused",
        "pg_get_wal_replay_pause_state",
        "pg_last_committed_xact",
        "pg_xact_commit_timestamp",
        "pg_xact_commit_timestamp_origin",
        "txid_status",
        "pg_xact_status",
        "txid_current_snapshot",
        "pg_current_snapshot",
        "txid_current_if_assigned",
        "pg_current_xact_id_if_assigned",
        "pg_sequence_last_value",
        "pg_lock_status",
        "pg_stat_get_activity",
        "pg_stat_get_wal_senders",
        "pg_stat_get_wal_receiver",
        "pg_stat_get_db_tuples_inserted",
        "pg_prepared_xact",
        "pg_control_system",
        "pg_control_checkpoint",
        "pg_control_recovery",
        "pg_control_init",
        "pg_ls_dir",
        "pg_ls_logdir",
        "pg_ls_waldir",
        "pg_ls_tmpdir",
        "pg_ls_archive_statusdir",
        "pg_read_file",
        "pg_read_binary_file",
        "pg_stat_file",
        "pg_current_logfile",
        "pg_hba_file_rules",
        "pg_ident_file_mappings",
        "pg_show_all_file_settings",
        "pg_show_all_settings",
        "pg_get_replication_slots",
        "pg_backend_pid",
        "inet_client_addr",
        "inet_client_port",
        "inet_server_addr",
        "inet_server_port",
        "pg_postmaster_start_time",
        "pg_conf_load_time",
        "version",
        "pg_get_shmem_allocations",
        "pg_notification_queue_usage",
        "pg_blocking_pids",
        "pg_safe_snapshot_blocking_pids",
        "pg_tablespace_location",
        "pg_relation_filepath",
        "pg_get_multixact_members",
        "pg_show_replication_origin_status",
        "pg_stat_have_stats",
        "pg_config",
        "pg_available_extensions",
        "pg_get_wal_summarizer_state",
        "pg_available_wal_summaries",
        "pg_wal_summary_contents"}},
      // About one session
      {Access::kPrimaryRead,
       AccessReason::kSessionFunction,
       {"set_config", "currval", "lastval", "pg_my_temp_schema", "pg_is_other_temp_schema",
        "pg_listening_channels", "pg_cursor", "current_setting", "pg_stat_get_xact_tuples_inserted",
        "pg_stat_get_xact_function_calls", "pg_get_backend_memory_contexts",
        "pg_replication_origin_session_is_setup", "pg_replication_origin_session_progress"}},
      {Access::kUnknown, AccessReason::kSession, {"pg_prepared_statement"}},
      // SQL in a string
      {Access::kUnknown,
       AccessReason::kOpaqueFunction,
       {"query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml",
        "cursor_to_xmlschema", "ts_stat", "ts_rewrite"}},
      // Not on the list: of the server's own programs, of old servers, of extensions
      {Access::kOwnCode,
       AccessReason::kUnknownFunction,
       {"binary_upgrade_create_empty_extension",
        "binary_upgrade_set_next_pg_type_oid",
        "pg_stop_making_pinned_objects",
        "pg_extension_config_dump",
        "pg_isolation_test_session_is_blocked",
        "pg_start_backup",
        "pg_stop_backup",
        "plpgsql_validator",
        "dblink",
        "dblink_exec",
        "dblink_send_query",
        "dblink_get_connections",
        "crosstab",
        "connectby",
        "xpath_table",
        "pg_file_write",
        "pg_file_unlink",
        "postgres_fdw_disconnect",
        "postgres_fdw_disconnect_all",
        "pg_prewarm",
        "autoprewarm_start_worker",
        "autoprewarm_dump_now",
        "pg_stat_statements_reset",
        "heap_force_kill",
        "heap_force_freeze",
        "pg_truncate_visibility_map",
        "lo_manage",
        "pg_buffercache_pages",
        "get_raw_page",
        "pg_get_wal_records_info",
        "pgstattuple",
        "pgrowlocks",
        "pg_visibility",
        "bt_index_check",
        "ssl_is_used"}},
      // Harmless
      {Access::kRead,
       AccessReason::kNone,
       {"random",
        "clock_timestamp",
        "timeofday",
        "gen_random_uuid",
        "current_query",
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "lo_get",
        "loread",
        "lo_lseek",
        "lo_lseek64",
        "lo_tell",
        "lo_tell64",
        "lo_close",
        "pg_database_size",
        "pg_indexes_size",
        "pg_relation_size",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
        "pg_partition_tree",
        "pg_partition_ancestors",
        "pg_partition_root",
        "pg_jit_available",
        "currtid2",
        "pg_collation_actual_version",
        "pg_database_collation_actual_version",
        "amvalidate",
        "pg_get_wal_resource_managers",
        "table_to_xml",
        "random_normal",
        "uuidv4",
        "uuidv7",
        "array_shuffle",
        "array_sample",
        "pg_split_walfile_name",
        "gen_random_bytes",
        "gen_salt",
        "pgp_sym_encrypt",
        "pgp_pub_encrypt_bytea",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "normal_rand",
        "now",
        "lower",
        "count",
        "jsonb_build_object",
        "to_tsvector",
        "string_agg",
        "date_trunc",
        "pg_get_viewdef",
        "has_table_privilege",
        "current_database",
        "current_schema",
        "format_type",
        "pg_table_is_visible"}},
  };
  return kRows;
}

}  // namespace

TEST_CASE("which functions may be called on a standby") {
  for (const Row& row : rows())
    for (const std::string name : row.functions) {
      CAPTURE(name);
      for (const std::string& sql :
           {"select " + name + "(1)", "select * from pg_catalog." + name + " (a) as x",
            "select a from t where b > coalesce(c, \"" + name + "\"(d, 'e'))"}) {
        CAPTURE(sql);
        const Statement statement = read_statement(sql, Dialect{});
        CHECK(static_cast<int>(statement.access) == static_cast<int>(row.access));
        CHECK(static_cast<int>(statement.reason) == static_cast<int>(row.reason));
      }
    }
}

TEST_CASE("the same name in another schema is somebody else's function") {
  for (const Row& row : rows())
    for (const std::string name : row.functions) {
      CAPTURE(name);
      CHECK(read_statement("select app." + name + "(1)", Dialect{}).access >= Access::kOwnCode);
    }
}

TEST_CASE("which relations show one server or session") {
  for (const std::string name : {"pg_stat_activity",
                                 "pg_stat_replication",
                                 "pg_stat_user_tables",
                                 "pg_stat_database",
                                 "pg_stat_io",
                                 "pg_stat_checkpointer",
                                 "pg_stat_subscription_stats",
                                 "pg_stat_progress_vacuum",
                                 "pg_stat_wal_receiver",
                                 "pg_stat_xact_user_tables",
                                 "pg_stat_statements",
                                 "pg_stat_statements_info",
                                 "pg_statio_user_tables",
                                 "pg_statio_all_sequences",
                                 "pg_locks",
                                 "pg_cursors",
                                 "pg_prepared_xacts",
                                 "pg_replication_slots",
                                 "pg_replication_origin_status",
                                 "pg_settings",
                                 "pg_file_settings",
                                 "pg_hba_file_rules",
                                 "pg_ident_file_mappings",
                                 "pg_shmem_allocations",
                                 "pg_backend_memory_contexts",
                                 "pg_sequences",
                                 "pg_config",
                                 "pg_available_extensions",
                                 "pg_available_extension_versions",
                                 "pg_buffercache",
                                 "pg_aios",
                                 "pg_shmem_allocations_numa"}) {
    CAPTURE(name);
    for (const std::string& sql :
         {"select * from " + name, "select a from b, pg_catalog." + name + " c where c.d = 1",
          "table \"" + name + "\"", "select (select count(*) from only " + name + ")",
          "copy (select * from " + name + ") to stdout"}) {
      CAPTURE(sql);
      const Statement statement = read_statement(sql, Dialect{});
      CHECK(statement.access == Access::kPrimaryRead);
      CHECK(static_cast<int>(statement.reason) ==
            static_cast<int>(AccessReason::kInstanceRelation));
    }
  }
  for (const std::string name :
       {"pg_class", "pg_statistic", "pg_statistic_ext", "pg_stats", "pg_stats_ext", "pg_roles",
        "pg_tables", "pg_indexes", "pg_views", "pg_publication", "pg_subscription",
        "pg_publication_tables", "pg_timezone_names", "pg_stat", "pg_locksmith", "xpg_locks",
        "users"}) {
    CAPTURE(name);
    CHECK(read_statement("select * from " + name, Dialect{}).access == Access::kRead);
  }
}
