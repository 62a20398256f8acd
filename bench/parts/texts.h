// What clients ask in these measurements.
#pragma once

#include <string_view>

namespace bench::text {

inline constexpr std::string_view kSelectOne = "SELECT 1";

// As an object-relational mapper writes it; 200 bytes.
inline constexpr std::string_view kSelect =
    "SELECT \"orders\".\"id\", \"orders\".\"placed_at\", lower(customers.name) FROM \"orders\" "
    "JOIN customers ON customers.id = orders.customer_id WHERE orders.state = 'open' "
    "AND orders.id > 4711 ORDER BY 2 LIMIT 20";
static_assert(kSelect.size() == 200);

inline constexpr std::string_view kInsert =
    "INSERT INTO orders (customer_id, placed_at, state, total) VALUES (42, now(), 'open', 17.90) "
    "RETURNING id";

// With a comment in the form of sqlcommenter.
inline constexpr std::string_view kCommented =
    "SELECT id, name FROM customers WHERE id = 42 "
    "/*action='show',application='shop',controller='customers',"
    "traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/";

}  // namespace bench::text
