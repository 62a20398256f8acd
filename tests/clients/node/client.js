// node-postgres, as Mastodon's streaming server and others use it.
'use strict';
const { Client, Pool } = require('pg');

const [host, port, user, database] = process.argv.slice(2);
const where = { host, port: Number(port), user, database };

async function withClient(work, options = {}) {
  const client = new Client({ ...where, ...options });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function withPool(work, options = {}) {
  const pool = new Pool({ ...where, max: 10, ...options });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

async function sqlstate(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return error.code ?? error.message;
  }
}

const range = (count) => Array.from({ length: count }, (_, index) => index);
const values = (result) => result.rows.map((row) => Object.values(row));

async function freshTable(client, name, columns) {
  await client.query(`drop table if exists ${name}; create table ${name} (${columns})`);
}

const cases = {
  // Ten connections of the driver's pool share two servers.
  pool: () => withPool(async (pool) => {
    const answers = await Promise.all(range(200).map((index) =>
      pool.query('select $1::int * 2 as twice', [index])));
    return answers.reduce((sum, answer) => sum + answer.rows[0].twice, 0);
  }),

  simpleQueries: () => withPool(async (pool) => {
    const answers = await Promise.all(range(100).map((index) => pool.query(`select ${index} as n`)));
    return answers.every((answer, index) => answer.rows[0].n === index);
  }),

  severalStatements: () => withClient(async (client) => {
    const results = await client.query('select 1 as a; select 2 as b, 3 as c; select 4 where false');
    return results.map(values);
  }),

  namedQueries: () => withPool(async (pool) => {
    const answers = await Promise.all(range(150).map((index) => pool.query({
      name: `named-${index % 5}`, text: `select $1::int + ${index % 5} as n`, values: [index],
    })));
    return answers.reduce((sum, answer) => sum + answer.rows[0].n, 0);
  }),

  sameNameOtherText: async () => {
    const one = withClient((client) => client.query({ name: 'q', text: 'select 1 as n' }));
    const other = withClient((client) => client.query({ name: 'q', text: "select 'two' as t" }));
    return (await Promise.all([one, other])).map(values);
  },

  errors: () => withClient(async (client) => [
    await sqlstate(client.query('select 1/0')),
    await sqlstate(client.query('select $1::int', ['x'])),
    await sqlstate(client.query({ name: 'broken', text: 'select nonsense' })),
    await sqlstate(client.query({ name: 'divides', text: 'select 1 / $1::int', values: [0] })),
    values(await client.query({ name: 'divides', text: 'select 1 / $1::int', values: [1] })),
    values(await client.query('select 1 as alive')),
  ]),

  // One client, many queries at once: the driver queues them, and errors hit only their own.
  queued: () => withClient(async (client) => Promise.all(range(40).map((index) =>
    sqlstate(client.query('select 10 / $1::int', [index % 4]))))),

  transactions: () => withPool(async (pool) => {
    await freshTable(pool, 'n_tx', 'a int primary key, b int');
    await pool.query('insert into n_tx select n, 0 from generate_series(0, 3) n');
    await Promise.all(range(40).map(async (index) => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await client.query('update n_tx set b = b + 1 where a = $1', [index % 4]);
        await client.query(index % 5 === 0 ? 'rollback' : 'commit');
      } finally {
        client.release();
      }
    }));
    return values(await pool.query('select * from n_tx order by a'));
  }),

  failedTransaction: () => withClient(async (client) => {
    await client.query('begin');
    const states = [await sqlstate(client.query('select 1/0')),
      await sqlstate(client.query('select $1::int', [1]))];
    const end = await client.query('commit');
    return [states, end.command, values(await client.query('select 1 as n'))];
  }),

  cancel: () => withClient((client) => withClient(async (other) => {
    const found = 'select pid from pg_stat_activity where query = $1 and state = $2';
    const sleeping = sqlstate(client.query('select pg_sleep(30) /* of node */'));
    for (;;) {
      const rows = values(await other.query(found, ['select pg_sleep(30) /* of node */', 'active']));
      if (rows.length > 0) {
        await other.query('select pg_cancel_backend($1)', rows[0]);
        break;
      }
    }
    return [await sleeping, values(await client.query("select 'alive' as t"))];
  })),

  queryTimeout: () => withClient(async (client) =>
    [await sqlstate(client.query('select pg_sleep(1)'))], { query_timeout: 200 }),

  // The driver sends these in its startup message.
  startupSettings: () => withClient(async (client) => [
    values(await client.query('show application_name')),
    values(await client.query('show client_encoding')),
  ], { application_name: 'streaming' }),

  urls: async () => {
    const forms = [`postgres://${user}@${host}:${port}/${database}`,
      `postgresql://${user}@${host}:${port}/${database}?sslmode=disable&application_name=url`,
      `postgres:///${database}?host=${host}&port=${port}&user=${user}`];
    const shown = [];
    for (const connectionString of forms) {
      const client = new Client({ connectionString });
      await client.connect();
      shown.push(values(await client.query('select current_user, current_database()')));
      await client.end();
    }
    return shown;
  },

  reconnects: async () => {
    let sum = 0;
    await Promise.all(range(8).map(async (index) => {
      for (const turn of range(8)) {
        const answer = await withClient((client) => client.query('select $1::int as n', [turn]));
        sum += answer.rows[0].n + index;
      }
    }));
    return sum;
  },

  largeResult: () => withClient(async (client) => {
    const text = '鯖'.repeat(200000);
    const [row] = (await client.query('select $1::text as t, n from generate_series(1, 3) n', [text]))
      .rows;
    const many = await client.query("select n, repeat('x', 100) from generate_series(1, 20000) n");
    return [row.t === text, many.rows.length];
  }),

  notices: () => withClient(async (client) => {
    const heard = [];
    client.on('notice', (notice) => heard.push([notice.severity, notice.message]));
    await client.query("do $$ begin raise notice 'a word'; end $$");
    return heard;
  }),

  types: () => withClient(async (client) => {
    const answer = await client.query(
      "select $1::jsonb as j, $2::int[] as a, $3::bytea as b, null as n, true as t, 1.5::float8 as f",
      [{ a: [1, 2] }, [1, null, 3], Buffer.from([0, 255])]);
    return answer.rows[0];
  }),
};

async function main() {
  let failed = false;
  for (const [name, run] of Object.entries(cases)) {
    try {
      console.log(`${name}: ${JSON.stringify(await run())}`);
    } catch (error) {
      failed = true;
      console.log(`${name}: FAILED ${JSON.stringify(error.message)}`);
      console.error(error);
    }
  }
  process.exitCode = failed ? 1 : 0;
}

main();
