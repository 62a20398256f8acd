select 1

SELECT a.id, b.total, count(*) FILTER (WHERE b.kind = 'x') AS kinds FROM accounts a LEFT JOIN bills b ON b.account = a.id GROUP BY a.id, b.total HAVING sum(b.total) > 10 ORDER BY 2 DESC NULLS LAST LIMIT 10 OFFSET 5 FOR UPDATE OF a SKIP LOCKED

WITH RECURSIVE tree(id, parent, path) AS (SELECT id, parent, ARRAY[id] FROM nodes WHERE parent IS NULL UNION ALL SELECT n.id, n.parent, t.path || n.id FROM nodes n JOIN tree t ON n.parent = t.id) SEARCH DEPTH FIRST BY id SET ordering SELECT * FROM tree

WITH RECURSIVE walk (a, b) AS (SELECT 1, 2 UNION SELECT b, a FROM walk) CYCLE a, b SET looped TO true DEFAULT false USING way, other (c) AS (SELECT 3) TABLE walk

WITH moved AS (DELETE FROM old WHERE at < now() - interval '1 day' RETURNING *), kept (x) AS (INSERT INTO archive SELECT * FROM moved RETURNING id) SELECT count(*) FROM kept

SELECT x, rank() OVER w, lag(x, 1, 0) OVER (PARTITION BY k ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t WINDOW w AS (PARTITION BY k ORDER BY x)

SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY[1, 2])) WITH ORDINALITY AS r(a, b, n), LATERAL (SELECT r.a) l(z)

SELECT * FROM json_to_record('{"a":1}') AS j(a int, b numeric(4, 2)), my_rows(1) AS m(c varchar(3))

SELECT * FROM xmltable('/r' PASSING '<r/>' COLUMNS a int PATH 'a', b text PATH 'b' DEFAULT my_default())

SELECT grouping(a), sum(b) FROM t GROUP BY GROUPING SETS ((a, b), CUBE (a, b), ROLLUP (a), ())

SELECT a FROM t GROUP BY a, cube(a), my_group(a)

SELECT DISTINCT ON (lower(name), my_key(id)) my_value(x) FROM people ORDER BY 1

SELECT CASE my_case(a) WHEN 1 THEN my_one(b) ELSE my_other(c) END, (CASE WHEN a THEN 1 END) FROM t

SELECT 1 + my_plus(2) - -my_minus(3), NOT my_bool(), a[my_index(1)], (my_row(1)).x, ARRAY[my_item(1)] FROM t

SELECT a BETWEEN my_low() AND my_high(), b LIKE my_pattern() ESCAPE my_escape(), c IN (my_in(1)), d = ANY (my_array()), e IS DISTINCT FROM my_from() FROM t

SELECT a ILIKE ('x'), b SIMILAR TO ('y'), c NOT ILIKE ('z'), (a, b) OVERLAPS (c, d) FROM t

SELECT now() AT TIME ZONE my_zone(), 'x' COLLATE "C", CAST(my_cast(1) AS numeric(3, 1)), my_type(1)::text, interval '1' day, interval(3) '1s'

SELECT "My Func"(1), "count"(*), "pg_catalog"."count"(*), PG_Catalog.Count(*), pg_catalog."Count"(1)

SELECT ALL my_all(1)

SELECT f(VARIADIC ARRAY[1]), g(DISTINCT a ORDER BY h(b)), coalesce(my_null(), 1), greatest(my_max(1), 2), nullif(my_if(), 2)

SELECT extract(year FROM my_date()), substring(my_text() FROM 2 FOR 3), position('a' IN my_text()), trim(LEADING 'x' FROM my_text()), overlay('abc' PLACING my_text() FROM 1)

SELECT xmlelement(name a, xmlattributes(my_xml() AS b)), xmlforest(my_xml() AS c), xmlparse(CONTENT my_xml())

SELECT * FROM t TABLESAMPLE system (my_percent()) REPEATABLE (1)

SELECT * FROM a NATURAL JOIN b CROSS JOIN my_join(1) LEFT OUTER JOIN LATERAL my_lateral(a.x) l ON my_on(l)

SELECT * FROM a JOIN b USING (id) AS u, my_from(u)

SELECT 1 LIMIT my_limit() OFFSET my_offset()

SELECT 1 FETCH FIRST (my_fetch()) ROWS WITH TIES

SELECT 1 UNION (SELECT my_union()) EXCEPT ALL (VALUES (my_value())) INTERSECT TABLE t

SELECT 1 AS "into", 2 AS temp, 3 temporary FROM t

SELECT a INTO x FROM t

SELECT a INTO TEMP TABLE x FROM t

SELECT a INTO UNLOGGED x FROM t

SELECT insert, update, conflict, over, by, view, function, execute, temp FROM data key

SELECT * FROM set(1), view(2), type(3), over(4), function(5), prepare(6)

SELECT conflict(1), by(2), sets(3), rollup(4), cube(5), also(6), zone(7), key(8), insert(9), update(10), delete(11), begin(12), commit(13), execute(14)

VALUES (1, my_value()), (2, DEFAULT)

TABLE ONLY parents

INSERT INTO t DEFAULT VALUES

INSERT INTO t (a, b) OVERRIDING SYSTEM VALUE SELECT my_select(1), 2 RETURNING my_returning(a)

INSERT INTO t AS x (a, b[1], c.d) VALUES (1, 2, 3) ON CONFLICT (lower(a), my_conflict(b)) WHERE my_where() DO UPDATE SET (a, b) = (SELECT 1, 2), c = my_set() WHERE x.a > my_min()

INSERT INTO t WITH s (a) AS (SELECT 1) SELECT a FROM s

INSERT INTO t SELECT 1 FROM a JOIN b ON conflict(a.id) ON CONFLICT DO NOTHING

UPDATE ONLY t AS x SET a = DEFAULT, (b, c) = ROW (my_row(1), 2) FROM my_from(1) f WHERE CURRENT OF c

UPDATE data SET (a, b) = (1, 2)

DELETE FROM t USING my_using(1) u WHERE u.id = t.id RETURNING *

MERGE INTO t USING my_source(1) s ON my_on(s) WHEN MATCHED AND my_cond() THEN UPDATE SET a = my_update() WHEN NOT MATCHED THEN INSERT (a, b) VALUES (my_insert(), CASE WHEN s.x THEN insert(2) END)

WITH s AS (SELECT 1) MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE

TRUNCATE a, b RESTART IDENTITY CASCADE

COPY t FROM STDIN WITH (FORMAT csv, HEADER) WHERE my_where(a)

COPY t (a, b) TO PROGRAM 'cat'

COPY (INSERT INTO t VALUES (1) RETURNING my_copy(a)) TO STDOUT

LOCK TABLE ONLY a IN SHARE MODE NOWAIT

BEGIN

BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE, NOT DEFERRABLE

START TRANSACTION READ ONLY DEFERRABLE

COMMIT AND CHAIN

END TRANSACTION AND NO CHAIN

ROLLBACK WORK AND CHAIN

ABORT

SAVEPOINT begin

RELEASE begin

ROLLBACK TRANSACTION TO SAVEPOINT a

PREPARE TRANSACTION E'a\'b'

ROLLBACK PREPARED 'a'

BEGIN; INSERT INTO t VALUES (1); COMMIT

SET a TO 1, 'two', three

SET a.b.c = on

SET SESSION a TO DEFAULT

SET LOCAL a = -1.5

SET "Quoted Name" = "Quoted Value"

SET a FROM CURRENT

SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE

SET TIME ZONE PST8PDT

SET TIME ZONE -7.5

SET LOCAL TIME ZONE LOCAL

SET NAMES

SET NAMES 'LATIN1'

SET SCHEMA 'a'

SET ROLE NONE

SET LOCAL ROLE 'a'

SET SESSION ROLE a

SET SESSION AUTHORIZATION DEFAULT

SET LOCAL SESSION AUTHORIZATION 'a'

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY

SET TRANSACTION SNAPSHOT '00000003-0000001B-1'

SET LOCAL TRANSACTION ISOLATION LEVEL READ COMMITTED

SET XML OPTION CONTENT

SET CONSTRAINTS a, b IMMEDIATE

SET catalog.x = 1

SET transaction.x = 1; SET local.x = 1; SET session.x = 1; SET time.x = 1; SET names.x = 1; SET role.x = 1

SET session TO a

SET local TO a

SET role TO a

SET timezone = 'UTC'; SET datestyle = iso, dmy

RESET a.b

RESET TIME ZONE

RESET TRANSACTION ISOLATION LEVEL

RESET SESSION AUTHORIZATION

RESET role

RESET ALL

SHOW ALL

SHOW TIME ZONE

SHOW a.b

SELECT set_config('a.b', my_value(), false), set_config('search_path', 'x', true)

SELECT set_config(lower('A'), 'x', false), pg_catalog.set_config('c' 
'd', 'x', false)

ALTER TABLE t ADD COLUMN a int DEFAULT my_default(), ALTER b TYPE my_type(3) USING my_using(b), ADD CONSTRAINT c CHECK (my_check(a)), SET (fillfactor = 10), ADD EXCLUDE USING gist (a WITH =)

ALTER TABLE t SET SCHEMA s

ALTER DATABASE d SET a = 1

ALTER ROLE r IN DATABASE d SET a TO 'x'

ALTER ROLE r RESET ALL

ALTER FUNCTION f(int) SET a = 1

ALTER SYSTEM SET a = 1

ALTER SEQUENCE s OWNED BY t.a

ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON FUNCTIONS TO r

CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY (START 1), a varchar(10) COLLATE "C" DEFAULT my_default() NOT NULL CHECK (my_check(a)), b int REFERENCES u (b) ON DELETE SET NULL, c geometry(Point, 4326), d int GENERATED ALWAYS AS (my_generated(b)) STORED, LIKE v INCLUDING ALL, EXCLUDE USING gist (c WITH &&), UNIQUE (a, b) INCLUDE (d), FOREIGN KEY (a) REFERENCES w (x)) PARTITION BY RANGE (a, my_range(b)) WITH (fillfactor = 10) TABLESPACE x

CREATE TABLE p PARTITION OF t FOR VALUES FROM (1, MINVALUE) TO (my_bound(2), MAXVALUE)

CREATE TABLE h PARTITION OF t (a DEFAULT my_default()) FOR VALUES WITH (MODULUS 4, REMAINDER 1)

CREATE TEMPORARY TABLE IF NOT EXISTS t (a int) ON COMMIT DROP

CREATE GLOBAL TEMP TABLE t (a int)

CREATE TABLE pg_temp.t AS SELECT 1

CREATE UNLOGGED TABLE t AS TABLE u WITH NO DATA

CREATE TABLE t (a, b) AS VALUES (1, my_value())

CREATE TEMP TABLE t AS EXECUTE p(my_argument())

CREATE FOREIGN TABLE t (a int OPTIONS (b 'c')) SERVER s OPTIONS (d 'e')

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING btree (a text_pattern_ops DESC, lower(b), my_index(c)) INCLUDE (d) NULLS NOT DISTINCT WITH (fillfactor = 10) WHERE my_where(a)

CREATE INDEX ON t USING my_method (a)

CREATE OR REPLACE TEMP VIEW v (a, b) WITH (security_barrier) AS SELECT 1, my_view() WITH LOCAL CHECK OPTION

CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v

CREATE MATERIALIZED VIEW m (a) AS SELECT my_view() WITH NO DATA

CREATE TEMP SEQUENCE s INCREMENT BY 2

CREATE FUNCTION s.f(a int DEFAULT my_default(), OUT b text) RETURNS SETOF record LANGUAGE plpgsql STABLE SET a = 1 SET search_path FROM CURRENT AS $f$ begin return; set x = 1; end $f$

CREATE FUNCTION f(a int) RETURNS int RETURN my_return(a)

CREATE PROCEDURE p(a int) LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (a); SELECT my_body(a); END

CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SET a = 1

CREATE AGGREGATE g(int) (sfunc = f, stype = int)

CREATE OPERATOR s.+ (function = f, leftarg = int, rightarg = int)

CREATE CAST (a AS b) WITH FUNCTION f(a) AS IMPLICIT

CREATE TYPE t AS (a int, b varchar(3))

CREATE TYPE t AS ENUM ('a', 'b')

CREATE TYPE t AS RANGE (subtype = float8)

CREATE DOMAIN d AS int DEFAULT my_default() CHECK (my_check(VALUE))

CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a ON t REFERENCING NEW TABLE AS n FOR EACH ROW WHEN (my_when(new.a)) EXECUTE FUNCTION my_trigger('x')

CREATE RULE r AS ON INSERT TO t WHERE my_where() DO INSTEAD (INSERT INTO u VALUES (1); DELETE FROM v; NOTIFY w)

CREATE RULE r AS ON UPDATE TO t DO ALSO SELECT my_rule()

CREATE POLICY p ON t FOR SELECT TO r USING (my_policy(a)) WITH CHECK (my_policy(b))

CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT my_view()

CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA s CASCADE

CREATE EVENT TRIGGER e ON ddl_command_start WHEN TAG IN ('a') EXECUTE FUNCTION f()

CREATE STATISTICS s (ndistinct) ON a, (my_expr(b)) FROM t

CREATE PUBLICATION p FOR TABLE t (a, b) WHERE (my_where(a))

CREATE OPERATOR CLASS o FOR TYPE t USING btree AS OPERATOR 1 <, FUNCTION 1 f(a, b), STORAGE int

CREATE ROLE r WITH LOGIN PASSWORD 'x'

DROP TABLE IF EXISTS a, pg_temp.b CASCADE

DROP FUNCTION IF EXISTS f(int, OUT text), g

DROP INDEX CONCURRENTLY i

DROP ROLE r

COMMENT ON FUNCTION f(int) IS 'x; y'

GRANT SELECT (a, b), INSERT (c) ON t TO r WITH GRANT OPTION

GRANT EXECUTE ON FUNCTION f(int) TO r

REVOKE ALL ON ALL TABLES IN SCHEMA s FROM r

VACUUM (FULL, ANALYZE) t (a, b), u

ANALYZE t (a)

REINDEX (VERBOSE) TABLE CONCURRENTLY t

CLUSTER t USING i

CHECKPOINT

REFRESH MATERIALIZED VIEW CONCURRENTLY m

REASSIGN OWNED BY a TO b

SECURITY LABEL ON TABLE t IS 'x'

IMPORT FOREIGN SCHEMA s LIMIT TO (a, b) FROM SERVER v INTO x

EXPLAIN (ANALYZE, FORMAT json) SELECT my_explain()

EXPLAIN ANALYZE VERBOSE INSERT INTO t (a) VALUES (1)

EXPLAIN (SELECT my_explain())

EXPLAIN ((SELECT 1) UNION SELECT 2)

EXPLAIN VERBOSE (SELECT 1)

EXPLAIN ANALYZE EXECUTE p (my_argument())

EXPLAIN CREATE TEMP TABLE t AS SELECT 1

EXPLAIN ANALYZE CREATE TABLE t AS EXECUTE p

EXPLAIN DECLARE c CURSOR WITH HOLD FOR SELECT 1

EXPLAIN WITH x (a) AS (SELECT 1) SELECT * FROM x

PREPARE p AS SELECT my_prepared($1)

PREPARE "P p" (int, numeric(3, 1), text[]) AS INSERT INTO t VALUES ($1)

PREPARE execute AS VALUES (1)

EXECUTE p

EXECUTE "P p" (1, my_argument(), 'x')

DEALLOCATE p

DEALLOCATE PREPARE "P p"

DEALLOCATE prepare

DEALLOCATE PREPARE ALL

DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT my_cursor()

DECLARE hold CURSOR FOR SELECT 1

DECLARE c CURSOR FOR WITH x (a) AS (SELECT 1) SELECT a FROM x

FETCH BACKWARD 3 FROM c

MOVE ABSOLUTE -1 IN c

CLOSE ALL

CLOSE c

LISTEN a

UNLISTEN *

NOTIFY a, 'b;c'

SELECT pg_notify('a', 'b')

DISCARD ALL

DISCARD PLANS

DISCARD SEQUENCES

DISCARD TEMPORARY

DO LANGUAGE plpgsql $x$ begin end $x$

CALL s.p(1, my_argument())

LOAD 'x'

SELECT nextval('a.b'::regclass), currval('a'), lastval(), setval('a', 1, true)

SELECT pg_advisory_lock(1), pg_try_advisory_lock(1, 2), pg_advisory_unlock(1), pg_advisory_xact_lock(1)

SELECT setseed(0.1), pg_create_logical_replication_slot('a', 'b', true), query_to_xml('x', true, false, '')

SELECT 'a' 'b'

SELECT 'a'
'b;c' /* ; */ , E'\\' ';' , E'a\'b;' -- x

SELECT E'a'
'\'; SELECT 1; --'

SELECT $a$ $b$ ; $a$, $$;$$, $é$;$é$, U&'\0041' , U&'!0041' UESCAPE '!', B'01', X'1f', N'n;'

SELECT a$1, _b, é, "x""y;", "select" FROM "a.b"

SELECT 1.5, .5, 5., 1e10, 1.e-3, $1, -1, +1, a-1, a--1
, a*-1, a/ -1, a@-1, a<-1, a =-1, a||b, a::int, a[1:2], f(a := 1, b => 2)

SELECT /* a /* b ; */ c */ 1 -- ; d
; /* ; */ ; -- last

;;;

/* only */ -- this

SELECT 1; SELECT 2;; SELECT 3

SELECT a OPERATOR(pg_catalog.+) my_right(b), c OPERATOR(s.@@) d, OPERATOR(pg_catalog.-) my_prefix(e), f ORDER BY 1

SELECT * FROM t ORDER BY a USING OPERATOR(s.<)

SELECT * FROM pg_temp.t, "pg_temp".u, pg_temp_3.v

SELECT U&"n\0065xtval"('s')
