/** `npm run bench:guard`: what the guard costs a single-row UPDATE, in processor time of the database's process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '@strangler/stack/free-port';
import pg from 'pg';
import { guard } from 'strangler-migrations/workflow';
import { startPostgres } from '../../support/postgres-server.ts';

const HELP = `What the guard costs: single-row UPDATEs, each a transaction of its own, in a PostgreSQL of this command's own.
The tables without a guard, with one that observes and with one that enforces take turns.

  npm run bench:guard [-- --statements N] [--rounds N] [--json]

Exit status: 0 done, 1 error.`;

const { values } = parseArgs({
  options: {
    statements: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

/** Clock ticks of /proc/<pid>/stat, proc_pid_stat(5): a hundredth of a second on Linux. */
const TICK_US = 10_000;
const ROWS = 1_000;
const TABLES = ['free', 'observed', 'enforced', 'repeatable'] as const;
type Table = (typeof TABLES)[number];

if (values.help) process.stdout.write(`${HELP}\n`);
else await run();

async function run(): Promise<void> {
  const [statements, rounds] = [Number(values.statements), Number(values.rounds)];
  const folder = await mkdtemp(join(tmpdir(), 'strangler-bench-guard-'));
  const server = await startPostgres(folder, await freePort(), { fsync: 'off', synchronous_commit: 'off' });
  const client = new pg.Client({ connectionString: server.url() });
  try {
    await client.connect();
    await prepare(client);
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const costs: Record<Table, number[]> = { free: [], observed: [], enforced: [], repeatable: [] };
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
      for (const table of TABLES) costs[table].push(await measure(client, rows[0].pid, table, statements));
    }
    report(costs, statements);
  } finally {
    await client.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(client: pg.Client): Promise<void> {
  const query = async (sql: string, given: readonly unknown[]) => {
    const result = await client.query(sql, [...given]);
    return Array.isArray(result) ? [] : result.rows;
  };
  await client.query('CREATE ROLE strangler_workflow; CREATE ROLE cdc');
  for (const table of TABLES) {
    await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, n int) WITH (fillfactor = 50);
      INSERT INTO ${table} SELECT i, 0 FROM generate_series(1, ${ROWS}) i;
      CREATE PROCEDURE write_${table}(times int) LANGUAGE plpgsql AS $$ BEGIN
        FOR i IN 1..times LOOP
          UPDATE ${table} SET n = n + 1 WHERE id = i % ${ROWS} + 1; COMMIT;
        END LOOP; END $$`);
    if (table === 'free') continue;
    const owned = [{ schema: 'public', name: table }];
    await guard.installGuard(query, {
      capability: table,
      side: 'monolith',
      owned,
      followed: [],
      ...guard.DEFAULT_ROLES,
    });
    if (table !== 'observed') await guard.enforce(query, table, 1);
  }
}

/** Microseconds of the backend's processor time for one statement. */
async function measure(client: pg.Client, pid: number, table: Table, statements: number): Promise<number> {
  const level = table === 'repeatable' ? 'repeatable read' : 'read committed';
  await client.query(`SET default_transaction_isolation = '${level}'`);
  const before = await ticks(pid);
  await client.query(`CALL write_${table}(${statements})`);
  return (((await ticks(pid)) - before) * TICK_US) / statements;
}

async function ticks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function report(costs: Record<Table, number[]>, statements: number): void {
  const median = (all: readonly number[]) => all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)] ?? 0;
  const rounded = (value: number) => Math.round(value * 10) / 10;
  const cpu = {
    without: rounded(median(costs.free)),
    observing: rounded(median(costs.observed)),
    enforcing: rounded(median(costs.enforced)),
    enforcing_repeatable_read: rounded(median(costs.repeatable)),
  };
  const added = rounded(cpu.enforcing - cpu.without);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ statements, cpu_us_per_update: cpu, guard_cost_us: added })}\n`);
    return;
  }
  process.stdout.write(`Processor time of one single-row UPDATE with its commit, median of the rounds:
  without a guard             ${cpu.without} us
  observing                   ${cpu.observing} us
  enforcing                   ${cpu.enforcing} us
  enforcing, REPEATABLE READ  ${cpu.enforcing_repeatable_read} us
The guard adds ${added} us to a statement.\n`);
}
