# ActiveRecord with prepared statements and variables of its own, as Rails sets it up.
require "active_record"
require "timeout"

HOST, PORT, USER, DATABASE = ARGV
THREADS = 6
ActiveRecord::Migration.verbose = false

def settings(more = {})
  { adapter: "postgresql", host: HOST, port: PORT, username: USER, database: DATABASE, pool: THREADS + 1,
    prepared_statements: true, statement_limit: 10, min_messages: "warning", schema_search_path: USER,
    variables: { statement_timeout: "50s", lock_timeout: "40s", intervalstyle: "sql_standard" } }.merge(more)
end

ActiveRecord::Base.establish_connection(settings)

class Shop < ActiveRecord::Base
  has_many :items
end

class Item < ActiveRecord::Base
  belongs_to :shop
end

def connection
  ActiveRecord::Base.connection
end

def in_threads
  THREADS.times.map do |index|
    Thread.new { ActiveRecord::Base.connection_pool.with_connection { yield index } }
  end.map(&:value)
end

def error_of
  yield
  "none"
rescue ActiveRecord::ActiveRecordError => e
  e.class.name
end

def fresh_tables
  connection.execute("drop table if exists items; drop table if exists shops")
  connection.create_table(:shops) { |t| t.string :name, null: false, index: { unique: true } }
  connection.create_table(:items) do |t|
    t.references :shop, foreign_key: true
    t.integer :price, default: 0
    t.jsonb :tags
  end
  [Shop, Item].each(&:reset_column_information)
end

# What `rails db:migrate` runs; the second cannot be in a transaction.
class MakeThings < ActiveRecord::Migration[6.1]
  def change
    create_table(:things) { |t| t.string :name }
    add_column :things, :size, :integer
  end
end

class IndexThings < ActiveRecord::Migration[6.1]
  disable_ddl_transaction!

  def up
    execute "SET statement_timeout TO 0"
    add_index :things, :name, algorithm: :concurrently
  end

  def down
    remove_index :things, :name, algorithm: :concurrently
  end
end

class FailThings < ActiveRecord::Migration[6.1]
  def change
    add_column :things, :colour, :string
    execute "select 1/0"
  end
end

# Migrations come from files; these are their like.
class Inline < ActiveRecord::MigrationProxy
  def initialize(migration, version)
    super(migration.name, version, nil, nil)
    @migration = migration.new(migration.name, version)
  end

  private

  attr_reader :migration
end

def migrate(direction, *migrations, target: nil)
  listed = migrations.each_with_index.map { |migration, index| Inline.new(migration, index + 1) }
  ActiveRecord::Migrator.new(direction, listed, ActiveRecord::SchemaMigration, target).migrate
end

def drop_things
  %w[things schema_migrations ar_internal_metadata].each { |name| connection.execute("drop table if exists #{name}") }
end

CASES = {}

CASES[:variables] = lambda do
  in_threads do
    20.times.map do
      %w[statement_timeout lock_timeout intervalstyle search_path standard_conforming_strings
         client_min_messages TimeZone].map { |name| connection.select_value("show #{name}") }
    end.uniq
  end
end

CASES[:records] = lambda do
  fresh_tables
  in_threads do |index|
    shop = Shop.create!(name: "shop #{index}")
    15.times { |n| shop.items.create!(price: n * index, tags: { n: n }) }
    found = 20.times.map { |n| Item.where(shop_id: shop.id, price: n).order(:id).pluck(:price) }
    [shop.reload.name, shop.items.sum(:price), found.flatten.sum, Shop.find_by(name: "shop #{index}").id == shop.id,
     Item.where(shop: shop).find_each(batch_size: 4).count, shop.items.order(:price, :id).last.tags]
  end
end

CASES[:transactions] = lambda do
  fresh_tables
  in_threads do |index|
    Shop.transaction do
      Shop.create!(name: "outer #{index}")
      inner = error_of do
        Shop.transaction(requires_new: true) do
          Shop.create!(name: "inner #{index}")
          Shop.create!(name: "outer #{index}")
        end
      end
      Shop.transaction(requires_new: true) { raise ActiveRecord::Rollback if Shop.create!(name: "undone #{index}") }
      Shop.create!(name: "after #{index} #{inner}")
    end
    Shop.transaction(isolation: :serializable) { Shop.lock.find_by!(name: "outer #{index}").touch rescue nil }
  end
  Shop.order(:name).pluck(:name)
end

CASES[:more_statements_than_kept] = lambda do
  fresh_tables
  in_threads do |index|
    (0..40).sum { |n| Item.where(price: n).where("#{n % 25} = #{n % 25}").count + index }
  end
end

CASES[:changed_tables] = lambda do
  fresh_tables
  shop = Shop.create!(name: "one")
  before = in_threads { Shop.find(shop.id).name }
  connection.add_column :shops, :city, :string, default: "Yaizu"
  after = in_threads { Shop.connection.uncached { Shop.where(id: shop.id).first.attributes["city"] } }
  Shop.reset_column_information
  [before, after.compact.uniq, in_threads { Shop.find(shop.id).city }]
end

CASES[:migrations] = lambda do
  drop_things
  ActiveRecord::SchemaMigration.create_table
  ActiveRecord::InternalMetadata.create_table
  migrate(:up, MakeThings, IndexThings)
  made = connection.indexes(:things).map(&:name)
  failed = begin
    migrate(:up, MakeThings, IndexThings, FailThings)
  rescue StandardError => e
    e.message[/division by zero/]
  end
  columns = connection.columns(:things).map(&:name)
  versions = ActiveRecord::SchemaMigration.all_versions
  migrate(:down, MakeThings, IndexThings, target: 0)
  locks = connection.select_value("select count(*) from pg_locks where locktype = 'advisory'")
  [made, failed, columns, versions, connection.table_exists?(:things), locks]
end

# Two of them at once: the second is refused by the first one's lock.
CASES[:advisory_locks] = lambda do
  key = 72_907
  in_threads do |index|
    sleep(index * 0.05)
    got = connection.get_advisory_lock(key) until got
    10.times { connection.select_value("select #{index}") }
    connection.release_advisory_lock(key)
  end + [connection.release_advisory_lock(key)]
end

CASES[:reset] = lambda do
  in_threads do
    Shop.connection.select_value("select 1")
    connection.execute("set statement_timeout to '7s'; create temp table t (a int)")
    connection.reset!
    [connection.select_value("show statement_timeout"), connection.active?,
     connection.select_value("select to_regclass('t')")]
  end
end

CASES[:bulk] = lambda do
  fresh_tables
  shop = Shop.create!(name: "bulk")
  rows = 300.times.map { |n| { shop_id: shop.id, price: n } }
  made = Item.insert_all(rows, returning: [:price]).rows.flatten.sum
  Shop.upsert_all([{ name: "bulk" }, { name: "other" }], unique_by: :name)
  [made, Item.where(price: 10..20).update_all("price = price * 2"), Item.where("price > 500").delete_all, Shop.count,
   Item.where(price: 11).explain.include?("Scan"), error_of { Item.insert({ shop_id: -1 }) }]
end

CASES[:currval] = lambda do
  fresh_tables
  in_threads do |index|
    10.times.map do |n|
      Shop.transaction do
        id = connection.insert("insert into shops (name) values ('#{index} #{n}')", nil, "id")
        [connection.select_value("select currval('shops_id_seq')") == id, connection.select_value("select lastval()") == id]
      end
    end.flatten.uniq
  end
end

failed = false
CASES.each do |name, work|
  puts "#{name}: #{Timeout.timeout(30) { work.call }.inspect}"
rescue StandardError => e
  failed = true
  puts "#{name}: FAILED #{e.message.inspect}"
  warn e.full_message
end
exit(failed ? 1 : 0)
