"""Where a pooled session cannot be as on a direct connection: by case, the steps that may be answered
differently (0 is the login, 1 the first one), and why. All other steps of these cases are compared
like those of any case. README.md tells users the same.
"""

from typing import NamedTuple


class Limit(NamedTuple):
    steps: tuple
    reason: str


PLACEHOLDER = ("a server that has met the name of a custom parameter has it, empty, until its process"
               " ends (test_session_limits.py): unset is null or empty, as its history is")
PLANS = ("a server that has not prepared the statement yet plans it by the tables of the moment, and"
         " succeeds where a plan that was made before fails; one that has fails once behind that")
FIRST_CURRVAL = ("which column draws from a sequence is not to be seen: the first time that anybody asks,"
                 " another server may have been drawn from, and it is told nothing (55000)")
SERVERS_OWN = "it shows what this server process has, for whichever client"

LIMITS = {
    "custom-of_others": Limit((1,), PLACEHOLDER),
    "custom-list": Limit((2,), PLACEHOLDER),
    "custom-undone": Limit((4,), PLACEHOLDER),
    "reset-custom": Limit((3,), PLACEHOLDER),
    "stale_plans-protocol": Limit((6, 9), PLANS),
    "stale_plans-protocol_in_a_block": Limit((6, 10), PLANS),
    "stale_plans-another_name_retries": Limit((5, 8), PLANS),
    "stale_plans-sql": Limit((5, 8), PLANS),
    "stale_plans-own_change": Limit((5, 8), PLANS),
    "stale_plans-type_change": Limit((5, 8), PLANS),
    "sql_statements-names_of_a_pooler": Limit((1, 2, 3), "such names are reserved (0A000)"),
    "protocol_statements-names_of_a_pooler": Limit((5,), "the error of a name that others' statements"
                                                         " may have is pgsaba's, and names no source file"),
    "protocol_statements-standard_conforming_strings_at_parse": Limit(
        (2,), "it is remembered, and parsed, with E'': the warning of escape_string_warning is missing"),
    "sequences-serial": Limit((3, 4), FIRST_CURRVAL),
    "sequences-identity": Limit((3,), FIRST_CURRVAL),
    "views-pg_settings": Limit((3,), "transaction_isolation counts as set in a session in which it was"
                                     " set once, and neither RESET ALL nor DISCARD ALL changes that"),
    "views-pg_prepared_statements": Limit((3,), SERVERS_OWN),
    "views-pg_listening_channels": Limit((2,), "the connection that listens is one that is shared"),
}
# A parameter under the prefix of a library stays, too; who loads that library there is warned.
SOILS = ["bad_set-unknown_in_pg"]


def differing_steps(name):
    """Those that are not compared."""
    return LIMITS[name].steps if name in LIMITS else ()
