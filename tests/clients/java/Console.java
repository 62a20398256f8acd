// The admin console through JDBC: simple and extended mode, statements that the driver prepares.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

public class Console {
    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + arguments[0] + ":" + arguments[1] + "/" + arguments[3] + "?user="
                + arguments[2];
        for (String mode : new String[] {"simple", "extended", "extendedForPrepared"}) {
            try (Connection console = DriverManager.getConnection(url + "&preferQueryMode=" + mode)) {
                look(console, mode);
            }
        }
    }

    private static void look(Connection console, String mode) throws SQLException {
        int columns = 0;
        try (PreparedStatement pools = console.prepareStatement("SHOW POOLS")) {
            for (int turn = 0; turn < 8; ++turn) {  // from the fifth on, the server has it prepared
                try (ResultSet rows = pools.executeQuery()) {
                    columns = rows.getMetaData().getColumnCount();
                    while (rows.next()) rows.getInt("cl_active");
                }
            }
        }
        try (Statement statement = console.createStatement()) {
            statement.execute("PAUSE");
            statement.execute("RESUME");
            statement.execute("SHOW POOL");
        } catch (SQLException error) {
            System.out.println(mode + " " + (columns > 16) + " " + console.isValid(5) + " "
                    + error.getSQLState());
        }
    }
}
