// JDBC logs in as often as it is told to: each line of the input is a case, its fields between tabs
// (host, port, user, password, whether with TLS, certificate, key), each line of the output what became of it.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public final class Logins {
  private Logins() {}

  private static String attempt(String[] fields) {
    Properties with = new Properties();
    with.setProperty("user", fields[2]);
    if (!fields[3].equals("-")) with.setProperty("password", fields[3]);
    with.setProperty("sslmode", fields[4].equals("tls") ? "require" : "disable");
    if (!fields[5].isEmpty()) {
      with.setProperty("sslcert", fields[5]);
      with.setProperty("sslkey", fields[6]);
    }
    with.setProperty("connectTimeout", "20");
    String url = "jdbc:postgresql://" + fields[0] + ":" + fields[1] + "/postgres";
    try (Connection connection = DriverManager.getConnection(url, with);
        ResultSet row = connection.createStatement().executeQuery("select current_user")) {
      row.next();
      return row.getString(1).equals(fields[2]) ? "in" : "somebody else";
    } catch (SQLException error) {
      // Its own complaints have states of its own: 08004 where it has no password to give.
      return error.getSQLState();
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      System.out.println(attempt(line.split("\t", -1)));
    }
  }
}
