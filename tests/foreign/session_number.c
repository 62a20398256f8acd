/* Stands for PQbackendPID in PostgreSQL's isolation tester: through a pooler a session has another
   server process from time to time, but always the same application_name. */
#include <stdio.h>
#include <stdlib.h>

#include "libpq-fe.h"

int session_number(const PGconn *conn) {
  PGresult *result = PQexec((PGconn *)conn, "SELECT hashtext(current_setting('application_name'))");
  if (PQresultStatus(result) != PGRES_TUPLES_OK) {
    fprintf(stderr, "%s", PQerrorMessage(conn));
    exit(1);
  }
  int number = atoi(PQgetvalue(result, 0, 0));
  PQclear(result);
  return number;
}
