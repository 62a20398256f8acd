// node-postgres logs in as often as it is told to: each line of the input is a case in JSON, each line
// of the output what became of it.
'use strict';
const fs = require('fs');
const { Client } = require('pg');

const read = (path) => fs.readFileSync(path);

async function attempt({ host, port, user, password, tls, certificate, key }) {
  const ssl = tls && { rejectUnauthorized: false,
    ...(certificate && { cert: read(certificate), key: read(key) }) };
  const client = new Client({ host, port, user, database: 'postgres', ssl,
    ...(password !== null && { password }) });
  client.on('error', () => {});
  try {
    await client.connect();
    const answer = await client.query('select current_user as name');
    await client.end();
    return answer.rows[0].name === user ? 'in' : 'somebody else';
  } catch (error) {
    client.end().catch(() => {});
    return /^[0-9A-Z]{5}$/.test(error.code ?? '') ? error.code : 'by itself';
  }
}

async function main() {
  for (const line of read(0).toString().trim().split('\n')) {
    console.log(await attempt(JSON.parse(line)));
  }
}

main().then(() => process.exit(0));
