// The admin console through node-postgres: simple, extended and named queries have the same rows.
'use strict';
const { Client } = require('pg');

const [host, port, user, database] = process.argv.slice(2);

async function main() {
  const client = new Client({ host, port: Number(port), user, database });
  await client.connect();
  const simple = await client.query('SHOW POOLS');
  const extended = await client.query({ text: 'SHOW POOLS', values: [] });
  let named;
  for (let turn = 0; turn < 3; ++turn) named = await client.query({ name: 'pools', text: 'SHOW POOLS' });
  const shape = (result) => result.fields.map((field) => `${field.name}:${field.dataTypeID}`).join(' ');
  if (shape(simple) !== shape(extended) || shape(simple) !== shape(named)) throw new Error('shapes differ');
  if (typeof named.rows[0].cl_active !== 'number') throw new Error('cl_active is no number');
  const wrong = await client.query('SHOW POOL').catch((error) => error);
  console.log(named.rows.map((row) => row.database).sort().join(','), wrong.code, wrong.hint);
  await client.query('SET query_wait_timeout = 7');
  await client.query({ name: 'reload', text: 'RELOAD' });
  await client.end();
}

main();
