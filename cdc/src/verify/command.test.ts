import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReconcileReport } from '../reconcile/reconcile.ts';
import { type CdcProcess, startCdc, untilLogged } from '../testing/process.ts';
import { createStores, type Stores, until, untilCaughtUp } from '../testing/stores.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { VerifyReport } from './report.ts';

const SOURCE = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text);
  CREATE TABLE event (id integer PRIMARY KEY, item_id integer);
  INSERT INTO item SELECT n, 'name ' || n, NULL, 'extra ' || n FROM generate_series(1, 500) n;
  INSERT INTO event SELECT n, n FROM generate_series(1, 3000) n`;
const TARGET = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra jsonb);
  CREATE TABLE event (id integer PRIMARY KEY, item_id integer)`;

let stores: Stores;
let state: string;
const processes: CdcProcess[] = [];
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'cdc-verify-'));
  stores = await createStores(SOURCE, TARGET);
});
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill('SIGKILL');
    await each.ended;
  }
  await stores.end();
  await rm(state, { recursive: true });
});

function cdc(...args: readonly string[]): CdcProcess {
  const started = startCdc(stores, args, { STRANGLER_STATE: state });
  processes.push(started);
  return started;
}

async function streaming(): Promise<void> {
  await untilLogged(cdc('run'), '"msg":"streaming"');
  await untilCaughtUp(stores);
}

function reportsIn(stdout: string): readonly VerifyReport[] {
  return (JSON.parse(stdout) as { verifications: readonly VerifyReport[] }).verifications;
}

test('verify says that all is equal, or names what is not, with the status that goes with it', async () => {
  const early = cdc('verify');
  expect([await early.ended, early.stdout()]).toEqual([1, '']);
  expect(early.output()).toContain('there is nothing to verify yet: "npx cdc run" loads it');

  await streaming();
  const well = cdc('verify');
  expect(await well.ended).toBe(0);
  expect(well.stdout()).toContain('public.item -> public.item: 500 rows by rows: equal');
  expect(well.stdout()).toContain('public.event -> public.event: 3000 rows by digest: equal');

  await stores.target.query(`DELETE FROM event WHERE id = 5; UPDATE item SET extra = '{"text": "rogue"}' WHERE id = 9`);
  const sick = cdc('verify', '--json');
  expect(await sick.ended).toBe(2);
  const [report] = reportsIn(sick.stdout());
  expect(Object.keys(report!)).toEqual([
    'capability',
    'owner',
    'verdict',
    'seconds',
    'rows_per_second',
    'tables',
    'differences',
    'notes',
  ]);
  expect(report!.differences).toEqual([
    { table: 'public.item', kind: 'different', key: { id: '9' }, columns: ['extra'], reason: null },
    { table: 'public.event', kind: 'missing', key: { id: '5' }, columns: [], reason: null },
  ]);
  expect(sick.output()).toContain('Next: npx cdc reconcile --dry-run');

  const other = cdc('verify', '--table', 'item');
  expect(await other.ended).toBe(2);
  expect(other.stdout()).not.toContain('public.event');
  const unknown = cdc('verify', '--table', 'itm', '--rate', '5');
  expect(await unknown.ended).toBe(1);
  expect(unknown.output()).toContain('--table itm: no such table is mapped, only item (item), event (event)');
});

test('reconcile says what it did to each row, a dry run what it would do', async () => {
  await streaming();
  await stores.target.query(`DELETE FROM event WHERE id = 5; UPDATE item SET extra = '{"text": "rogue"}' WHERE id = 9`);
  const dry = cdc('reconcile', '--dry-run');
  expect(await dry.ended).toBe(2);
  expect(dry.stdout()).toContain('would update     public.item (id=9)');
  const wet = cdc('reconcile', '--json');
  expect(await wet.ended).toBe(0);
  const { reconciliations } = JSON.parse(wet.stdout()) as { reconciliations: readonly ReconcileReport[] };
  expect(reconciliations).toMatchObject([
    {
      ...{ capability: stores.capability, dry_run: false, inserted: 1, updated: 1, deleted: 0, left: 0 },
      repairs: [
        { table: 'public.item', action: 'updated', key: { id: '9' }, reason: null },
        { table: 'public.event', action: 'inserted', key: { id: '5' }, reason: null },
      ],
    },
  ]);
  expect(await cdc('verify').ended).toBe(0);
});

test('killed in the middle, it goes on where it was and forgets nothing that it had found', async () => {
  await streaming();
  await stores.target.query('UPDATE item SET name = NULL WHERE id = 3; DELETE FROM event WHERE id = 2999');
  const first = cdc('verify', '--rate', '500');
  const checkpoint = await until('some events are verified', async () => {
    const file = join(state, 'verify', `${stores.capability}.json`);
    const kept = await readFile(file, 'utf8').catch(() => undefined);
    const read = kept === undefined ? undefined : (JSON.parse(kept) as Checkpoint);
    return read?.tables[1] && read.tables[1].rows >= 1_000 && read;
  });
  first.child.kill('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  expect(checkpoint.differences).toHaveLength(1);

  // What it has passed it does not look at again: neither the row that is mended by now nor the one that is broken.
  await stores.target.query("UPDATE item SET name = 'name 3' WHERE id = 3; DELETE FROM event WHERE id = 1");
  const second = cdc('verify', '--resume', '--json');
  expect(await second.ended).toBe(2);
  const [report] = reportsIn(second.stdout());
  expect(report!.tables.map((table) => table.rows)).toEqual([500, 3_000]);
  expect(report!.differences.map(({ kind, key }) => `${kind} ${key.id}`)).toEqual(['different 3', 'missing 2999']);

  const again = cdc('verify', '--resume', '--json');
  expect(await again.ended).toBe(2);
  expect(again.output()).toContain('nothing to go on with, so from the beginning');
  expect(reportsIn(again.stdout())[0]!.differences.map(({ key }) => key.id)).toEqual(['1', '2999']);
});

test('continuous, it reports round after round, and finds what went wrong since', async () => {
  await streaming();
  const watch = cdc('verify', '--continuous', '--every', '0.1', '--json');
  const rounds = () => watch.stdout().trim().split('\n').filter(Boolean).flatMap(reportsIn);
  const first = await until('a round is done', () => rounds()[0]);
  expect(first).toMatchObject({ verdict: 'equal', differences: [] });
  await stores.target.query('DELETE FROM event WHERE id = 1234');
  const worse = await until('a later round finds it', () => rounds().find(({ verdict }) => verdict === 'different'));
  expect(worse.differences).toMatchObject([{ table: 'public.event', kind: 'missing', key: { id: '1234' } }]);
  expect(watch.output()).toContain('public.event: 1 rows are wrong');
  watch.child.kill('SIGTERM');
  expect(await watch.ended).toBe(2);
});
