import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CdcProcess, startCdc, untilLogged } from '../testing/process.ts';
import { whileRowsRise } from '../testing/rising.ts';
import { createStores, rowsOf, type Stores, untilCaughtUp } from '../testing/stores.ts';
import type { BackfillReport } from './backfill.ts';

const EVENT = 'CREATE TABLE event (id integer PRIMARY KEY, item_id integer)';
const SOURCE = `CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text); ${EVENT};
  INSERT INTO event SELECT n, 0 FROM generate_series(1, 3000) n`;
const TARGET = `CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra jsonb); ${EVENT}`;

let stores: Stores;
const processes: CdcProcess[] = [];
beforeEach(async () => {
  stores = await createStores(SOURCE, TARGET);
  await untilLogged(cdc(['run']), '"msg":"streaming"');
});
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill('SIGKILL');
    await each.ended;
  }
  await stores.end();
});

function cdc(args: readonly string[], env: NodeJS.ProcessEnv = {}): CdcProcess {
  const started = startCdc(stores, args, env);
  processes.push(started);
  return started;
}

async function backfilled(...args: readonly string[]): Promise<{ status: number | string; report: BackfillReport }> {
  const command = cdc(['backfill', '--table', 'event', '--json', ...args]);
  const status = await command.ended;
  expect(command.output()).not.toContain('Error');
  return { status, report: JSON.parse(command.stdout()).backfills[0] };
}

test('a table that was lost is brought back while its rows change all the time, through a kill, and no reader sees one go back', async () => {
  await stores.target.query('DELETE FROM event');
  await whileRowsRise(stores, { table: 'event', column: 'item_id', firstId: 1, rows: 3000 }, async () => {
    const killed = cdc(['backfill', '--table', 'event'], { STRANGLER_CDC_FAILPOINT: 'repair:2' });
    expect(await killed.ended).toBe('SIGKILL');
    const { status, report } = await backfilled();
    expect([status, report]).toMatchObject([0, { rows: 3000, left: 0, complete: true, up_to: ['3000'] }]);
    // What the killed one had committed is not written again; what the stream brought meanwhile neither.
    expect(report.inserted).toBeLessThan(3000);
    expect(report.inserted).toBeGreaterThan(1000);
  });
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'event')).toEqual(await rowsOf(stores.source, 'event'));
});

test('only the rows of a range are brought, both its ends with them', async () => {
  await stores.target.query('DELETE FROM event WHERE id <= 100');
  const { status, report } = await backfilled('--from', '10', '--to', '20');
  expect([status, report]).toMatchObject([0, { rows: 11, inserted: 11, updated: 0, left: 0, up_to: ['20'] }]);
  const { rows } = await stores.target.query('SELECT array_agg(id ORDER BY id) AS ids FROM event WHERE id <= 100');
  expect(rows[0].ids).toEqual(Array.from({ length: 11 }, (_, n) => n + 10));
});
