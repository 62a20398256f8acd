import java.io.StringReader;
import java.io.StringWriter;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** PostgreSQL's JDBC driver, as applications use it. */
public final class Client {
  private static String url;
  private static String user;

  private Client() {}

  private interface Work<T> {
    T run(Connection connection) throws Exception;
  }

  private interface Action {
    void run() throws SQLException;
  }

  private static <T> T with(String options, Work<T> work) throws Exception {
    Properties properties = new Properties();
    properties.setProperty("user", user);
    for (String option : options.isEmpty() ? new String[0] : options.split("&")) {
      String[] pair = option.split("=", 2);
      properties.setProperty(pair[0], pair[1]);
    }
    try (Connection connection = DriverManager.getConnection(url, properties)) {
      return work.run(connection);
    }
  }

  private static String sqlstate(Action action) {
    try {
      action.run();
      return "none";
    } catch (SQLException error) {
      return error.getSQLState();
    }
  }

  private static <T> List<T> inThreads(int count, Callable<T> work) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(count);
    try {
      List<T> results = new ArrayList<>();
      for (Future<T> result : threads.invokeAll(java.util.Collections.nCopies(count, work))) {
        results.add(result.get());
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }

  private static void run(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String value(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private static void freshTable(Connection connection, String name, String columns)
      throws SQLException {
    run(connection, "drop table if exists " + name + "; create table " + name + " (" + columns + ")");
  }

  /** The driver prepares on the server at the first use, with names that all clients share. */
  private static Object preparedByMany() throws Exception {
    return inThreads(6, () -> with("prepareThreshold=1", connection -> {
      long total = 0;
      for (int turn = 0; turn < 40; turn++) {
        String sql = "select ?::int * " + turn % 4;
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
          statement.setInt(1, turn);
          try (ResultSet rows = statement.executeQuery()) {
            rows.next();
            total += rows.getInt(1);
          }
        }
      }
      return total;
    }));
  }

  /** A small cache: the driver closes statements and prepares them again. */
  private static Object preparedAndClosed() throws Exception {
    return with("prepareThreshold=1&preparedStatementCacheQueries=3", connection -> {
      long total = 0;
      for (int turn = 0; turn < 60; turn++) {
        try (PreparedStatement statement =
            connection.prepareStatement("select ?::int + " + turn % 8)) {
          statement.setInt(1, turn);
          try (ResultSet rows = statement.executeQuery()) {
            rows.next();
            total += rows.getInt(1);
          }
        }
      }
      return total;
    });
  }

  private static Object batches() throws Exception {
    return with("prepareThreshold=1", connection -> {
      freshTable(connection, "j_batch", "a int primary key, b text");
      int[] counts;
      try (PreparedStatement insert =
          connection.prepareStatement("insert into j_batch values (?, ?)")) {
        for (int turn = 0; turn < 300; turn++) {
          insert.setInt(1, turn);
          insert.setString(2, "b".repeat(turn));
          insert.addBatch();
        }
        counts = insert.executeBatch();
      }
      String failed = "none";
      try (Statement statement = connection.createStatement()) {
        statement.addBatch("insert into j_batch values (1000, 'x')");
        statement.addBatch("insert into j_batch values (1, 'twice')");
        statement.addBatch("insert into j_batch values (1001, 'x')");
        statement.executeBatch();
      } catch (BatchUpdateException error) {
        failed = error.getSQLState() + Arrays.toString(error.getUpdateCounts());
      }
      return counts.length + " " + failed + " "
          + value(connection, "select count(*) || '/' || sum(length(b)) from j_batch");
    });
  }

  /** Rows are fetched through a suspended portal, between which the transaction does other things. */
  private static Object fetchSize() throws Exception {
    return with("prepareThreshold=1", connection -> {
      connection.setAutoCommit(false);
      long total = 0;
      try (PreparedStatement statement =
          connection.prepareStatement("select n from generate_series(1, ?) n")) {
        statement.setFetchSize(50);
        statement.setInt(1, 1000);
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) {
            total += rows.getInt(1);
            if (rows.getInt(1) % 100 == 0) {
              total += Integer.parseInt(value(connection, "select 1"));
            }
          }
        }
      }
      connection.commit();
      return total;
    });
  }

  private static Object readOnly() throws Exception {
    return with("", connection -> {
      freshTable(connection, "j_readonly", "a int");
      connection.setReadOnly(true);
      connection.setAutoCommit(false);
      String shown = value(connection, "show transaction_read_only");
      String refused = sqlstate(() -> run(connection, "insert into j_readonly values (1)"));
      connection.rollback();
      connection.setReadOnly(false);
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      run(connection, "insert into j_readonly values (2)");
      connection.commit();
      return shown + " " + refused + " " + value(connection, "select sum(a) from j_readonly");
    });
  }

  private static Object transactions() throws Exception {
    return with("prepareThreshold=1", connection -> {
      freshTable(connection, "j_tx", "a int primary key");
      connection.setAutoCommit(false);
      run(connection, "insert into j_tx values (1)");
      Savepoint savepoint = connection.setSavepoint();
      String twice = sqlstate(() -> run(connection, "insert into j_tx values (1)"));
      String failed = sqlstate(() -> run(connection, "select 1"));
      connection.rollback(savepoint);
      run(connection, "insert into j_tx values (2)");
      connection.commit();
      return twice + " " + failed + " " + value(connection, "select array_agg(a) from j_tx");
    });
  }

  /** The driver repairs a failed statement of a transaction with savepoints of its own. */
  private static Object autosave() throws Exception {
    return with("autosave=always&prepareThreshold=1", connection -> {
      connection.setAutoCommit(false);
      String failed = sqlstate(() -> run(connection, "select 1/0"));
      String alive = value(connection, "select 'alive'");
      connection.commit();
      return failed + " " + alive;
    });
  }

  private static Object queryTimeout() throws Exception {
    return with("", connection -> {
      try (Statement statement = connection.createStatement()) {
        statement.setQueryTimeout(1);
        String state = sqlstate(() -> statement.execute("select pg_sleep(30)"));
        return state + " " + value(connection, "select 'alive'");
      }
    });
  }

  private static Object copy() throws Exception {
    return with("", connection -> {
      freshTable(connection, "j_copy", "a int, b text");
      CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
      StringBuilder lines = new StringBuilder();
      for (int turn = 0; turn < 5000; turn++) {
        lines.append(turn).append("\tline ").append(turn).append('\n');
      }
      long in = copy.copyIn("copy j_copy from stdin", new StringReader(lines.toString()));
      StringWriter written = new StringWriter();
      long out = copy.copyOut("copy (select * from j_copy order by a) to stdout", written);
      String broken = "none";
      try {
        copy.copyIn("copy j_copy from stdin", new StringReader("x\ty\n"));
      } catch (SQLException error) {
        broken = error.getSQLState();
      }
      return in + " " + out + " " + written.toString().contentEquals(lines) + " " + broken + " "
          + value(connection, "select count(*) from j_copy");
    });
  }

  private static Object generatedKeys() throws Exception {
    return with("prepareThreshold=1", connection -> {
      freshTable(connection, "j_keys", "id int generated always as identity, b text");
      List<Integer> keys = new ArrayList<>();
      for (int turn = 0; turn < 3; turn++) {
        try (PreparedStatement insert = connection.prepareStatement(
            "insert into j_keys (b) values (?)", Statement.RETURN_GENERATED_KEYS)) {
          insert.setString(1, "x");
          insert.executeUpdate();
          try (ResultSet made = insert.getGeneratedKeys()) {
            made.next();
            keys.add(made.getInt("id"));
          }
        }
      }
      return keys;
    });
  }

  /** What the driver says in its startup message holds on every server. */
  private static Object startupParameters() throws Exception {
    return inThreads(4, () -> with("ApplicationName=java test", connection -> {
      List<String> shown = new ArrayList<>();
      for (String name : new String[] {"client_encoding", "DateStyle",
          "application_name", "TimeZone"}) {
        shown.add(value(connection, "show " + name));
      }
      return shown;
    }));
  }

  private static Object metadata() throws Exception {
    return with("prepareThreshold=1", connection -> {
      freshTable(connection, "j_meta", "a int primary key, b numeric(10, 2) not null, c text[]");
      List<String> seen = new ArrayList<>();
      try (ResultSet columns = connection.getMetaData().getColumns(null, user, "j_meta", null)) {
        while (columns.next()) {
          seen.add(columns.getString("COLUMN_NAME") + ":" + columns.getString("TYPE_NAME"));
        }
      }
      try (PreparedStatement statement =
          connection.prepareStatement("select * from j_meta where a = ?")) {
        seen.add(statement.getMetaData().getColumnTypeName(2));
        seen.add(String.valueOf(statement.getParameterMetaData().getParameterType(1)
            == Types.INTEGER));
      }
      return seen;
    });
  }

  private static Object transfers() throws Exception {
    with("", connection -> {
      freshTable(connection, "j_accounts", "id int primary key, balance int");
      run(connection, "insert into j_accounts select n, 100 from generate_series(0, 4) n");
      return null;
    });
    inThreads(6, () -> with("prepareThreshold=1", connection -> {
      connection.setAutoCommit(false);
      for (int turn = 0; turn < 25; turn++) {
        try (PreparedStatement update = connection.prepareStatement(
            "update j_accounts set balance = balance + ? where id = ?")) {
          update.setInt(1, 1);
          update.setInt(2, turn % 5);
          update.executeUpdate();
        }
        if (turn % 5 == 4) {
          connection.rollback();
        } else {
          connection.commit();
        }
      }
      return null;
    }));
    return with("", connection ->
        value(connection, "select array_agg(balance order by id) from j_accounts"));
  }

  /** Runs the cases; see transcript.py. */
  public static void main(String[] arguments) {
    url = "jdbc:postgresql://" + arguments[0] + ":" + arguments[1] + "/" + arguments[3];
    user = arguments[2];
    Map<String, Callable<Object>> cases = new LinkedHashMap<>();
    cases.put("preparedByMany", Client::preparedByMany);
    cases.put("preparedAndClosed", Client::preparedAndClosed);
    cases.put("batches", Client::batches);
    cases.put("fetchSize", Client::fetchSize);
    cases.put("readOnly", Client::readOnly);
    cases.put("transactions", Client::transactions);
    cases.put("autosave", Client::autosave);
    cases.put("queryTimeout", Client::queryTimeout);
    cases.put("copy", Client::copy);
    cases.put("generatedKeys", Client::generatedKeys);
    cases.put("startupParameters", Client::startupParameters);
    cases.put("metadata", Client::metadata);
    cases.put("transfers", Client::transfers);
    boolean failed = false;
    for (Map.Entry<String, Callable<Object>> entry : cases.entrySet()) {
      try {
        System.out.println(entry.getKey() + ": " + entry.getValue().call());
      } catch (Exception error) {
        failed = true;
        System.out.println(entry.getKey() + ": FAILED " + error.toString().replace('\n', ' '));
        error.printStackTrace();
      }
    }
    System.exit(failed ? 1 : 0);
  }
}
