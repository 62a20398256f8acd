# ruby-pg, as ActiveRecord and others use it.
require "pg"
require "timeout"

HOST, PORT, USER, DATABASE = ARGV

def connect(options = {})
  PG.connect({ host: HOST, port: PORT, user: USER, dbname: DATABASE }.merge(options))
end

def with_connection(options = {})
  connection = connect(options)
  yield connection
ensure
  connection&.close
end

def sqlstate
  yield
  nil
rescue PG::Error => e
  e.result&.error_field(PG::PG_DIAG_SQLSTATE) || e.class.name
end

def fresh_table(connection, name, columns)
  connection.set_notice_processor { |_| }
  connection.exec("drop table if exists #{name}; create table #{name} (#{columns})")
end

CASES = {}

CASES[:parameters] = lambda do
  with_connection do |c|
    [c.exec_params("select $1::int + $2::int", [1, 2]).getvalue(0, 0),
     c.exec_params("select $1::text, $2::text", [nil, "鯖"]).values,
     c.exec_params("select $1::bytea", [{ value: "\x00\x01".b, format: 1 }], 1).getvalue(0, 0).bytes,
     sqlstate { c.exec_params("select $1::int", ["x"]) },
     c.exec("select 1; select 2").values]
  end
end

# ActiveRecord's names: every client calls its statements a1, a2, ...
CASES[:prepared_by_many] = lambda do
  (0...6).map do |index|
    Thread.new do
      with_connection do |c|
        5.times { |n| c.prepare("a#{n}", "select $1::int * #{n + 1} + #{index}") }
        (0...30).sum { |n| c.exec_prepared("a#{n % 5}", [n]).getvalue(0, 0).to_i }
      end
    end
  end.map(&:value)
end

CASES[:prepared_errors] = lambda do
  with_connection do |c|
    c.prepare("a1", "select 1")
    again = sqlstate { c.prepare("a1", "select 2") }
    unknown = sqlstate { c.exec_prepared("a9") }
    broken = sqlstate { c.prepare("a2", "select nonsense") }
    c.prepare("a2", "select 2")
    [again, unknown, broken, c.exec_prepared("a1").values, c.exec_prepared("a2").values]
  end
end

# What ActiveRecord does when it has too many statements.
CASES[:deallocated] = lambda do
  with_connection do |c|
    c.prepare("a1", "select 1")
    tags = [c.exec("DEALLOCATE a1").cmd_status]
    gone = sqlstate { c.exec_prepared("a1") }
    c.prepare("a1", "select 'other'")
    c.transaction do
      tags << c.exec_prepared("a1").getvalue(0, 0)
      tags << c.exec("deallocate \"a1\";").cmd_status
      c.prepare("a1", "select 'third'")
    end
    [tags, gone, c.exec_prepared("a1").values, sqlstate { c.exec("DEALLOCATE a7") }]
  end
end

CASES[:discard_all] = lambda do
  with_connection do |c|
    c.prepare("a1", "select 1")
    tag = c.exec("DISCARD ALL").cmd_status
    [tag, sqlstate { c.exec_prepared("a1") }, c.prepare("a1", "select 3").cmd_status,
     c.exec_prepared("a1").values]
  end
end

CASES[:described] = lambda do
  with_connection do |c|
    c.prepare("a1", "select $1::int as n, $2::text as t")
    c.exec("select 0")
    described = c.describe_prepared("a1")
    [described.nparams, described.paramtype(0), described.fields]
  end
end

CASES[:transactions] = lambda do
  with_connection do |c|
    fresh_table(c, "r_tx", "a int primary key")
    c.exec("begin")
    c.exec("insert into r_tx values (1)")
    c.exec("savepoint active_record_1")
    error = sqlstate { c.exec("insert into r_tx values (1)") }
    failed = c.transaction_status
    c.exec("rollback to savepoint active_record_1")
    c.exec("release savepoint active_record_1")
    c.exec("commit")
    c.exec("begin isolation level serializable")
    c.exec("insert into r_tx values (2)")
    c.exec("rollback and chain")
    chained = c.transaction_status
    c.exec("insert into r_tx values (3)")
    c.exec("commit")
    [error, failed, chained, c.transaction_status, c.exec("select a from r_tx order by a").values]
  end
end

CASES[:send_query] = lambda do
  with_connection do |c|
    c.send_query("select 1; select 1/0; select 2")
    results = []
    while (result = c.get_result)
      results << result.result_status
    end
    c.send_query("select n from generate_series(1, 500) n")
    c.set_single_row_mode
    sum = 0
    while (result = c.get_result)
      sum += result.values.flatten.sum(&:to_i)
    end
    [results, sum]
  end
end

CASES[:copy] = lambda do
  with_connection do |c|
    fresh_table(c, "r_copy", "a int, b text")
    c.copy_data("copy r_copy from stdin") { 5000.times { |n| c.put_copy_data("#{n}\tline #{n}\n") } }
    size = 0
    c.copy_data("copy (select * from r_copy order by a) to stdout") do
      while (row = c.get_copy_data)
        size += row.bytesize
      end
    end
    broken = sqlstate { c.copy_data("copy r_copy from stdin") { c.put_copy_data("x\ty\n") } }
    [size, broken, c.exec("select count(*) from r_copy").values]
  end
end

CASES[:cancel] = lambda do
  with_connection do |c|
    c.send_query("select pg_sleep(30)")
    sleep 0.3
    c.cancel
    state = sqlstate { c.get_last_result }
    [state, c.exec("select 'alive'").values]
  end
end

CASES[:pipeline] = lambda do
  with_connection do |c|
    c.enter_pipeline_mode
    c.send_query_params("select $1::int", [1])
    c.pipeline_sync
    c.send_query_params("select 1 / $1::int", [0])
    c.send_query_params("select $1::int", [2])
    c.pipeline_sync
    c.send_prepare("a1", "select $1::int + 100")
    c.send_query_prepared("a1", [3])
    c.pipeline_sync
    seen = []
    syncs = 0
    while syncs < 3
      result = c.get_result
      next if result.nil?

      seen << [result.result_status, result.values]
      syncs += 1 if result.result_status == PG::PGRES_PIPELINE_SYNC
    end
    c.exit_pipeline_mode
    [seen, c.exec_prepared("a1", [4]).values]
  end
end

# What ActiveRecord says first, and the liveness checks of its versions.
CASES[:active_record_start] = lambda do
  (0...5).map do
    Thread.new do
      with_connection do |c|
        c.set_client_encoding("unicode")
        c.exec("SET standard_conforming_strings = on")
        c.exec("SET intervalstyle = iso_8601")
        c.exec("SET SESSION timezone TO 'UTC'")
        shown = 10.times.map do
          c.exec("SELECT 1")
          c.exec(";")
          [c.exec("SHOW TIME ZONE").getvalue(0, 0), c.exec("select '1 day'::interval").getvalue(0, 0)]
        end
        [shown.uniq, c.parameter_status("IntervalStyle"), c.parameter_status("TimeZone")]
      end
    end
  end.map(&:value)
end

CASES[:notices] = lambda do
  heard = []
  with_connection do |c|
    c.set_notice_processor { |message| heard << message }
    c.exec("do $$ begin raise warning 'careful'; end $$")
  end
  heard
end

failed = false
CASES.each do |name, work|
  puts "#{name}: #{Timeout.timeout(20) { work.call }.inspect}"
rescue StandardError => e
  failed = true
  puts "#{name}: FAILED #{e.message.inspect}"
  warn e.full_message
end
exit(failed ? 1 : 0)
