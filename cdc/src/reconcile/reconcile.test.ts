import { integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { readTargetFacts } from '../database/target-facts.ts';
import { whileRowsRise } from '../testing/rising.ts';
import { createStores, type RunningStream, rowsOf, type Stores, untilCaughtUp, untilState } from '../testing/stores.ts';
import { readColumnTypes } from '../verify/column-types.ts';
import { compareTable } from '../verify/compared-table.ts';
import { appliedPosition } from '../verify/settle.ts';
import { verify } from '../verify/verify.ts';
import { type ReconcileOptions, reconcile } from './reconcile.ts';
import { repair } from './repair.ts';

let stores: Stores;
afterEach(() => stores.end());

const SCHEMA = `CREATE TABLE item (id integer PRIMARY KEY, name text, n integer);
  CREATE TABLE part (id integer PRIMARY KEY, item_id integer NOT NULL REFERENCES item)`;
const key = { id: integer('id') };
const items = rows({ source: 'item', target: 'item', key, columns: { name: text('name'), n: integer('n') } });
const parts = rows({ source: 'part', target: 'part', key, columns: { item_id: integer('item_id') } });

async function started(): Promise<RunningStream> {
  stores = await createStores(
    `${SCHEMA}; INSERT INTO item SELECT g, 'item ' || g, 0 FROM generate_series(1, 300) g;
     INSERT INTO part SELECT g, g FROM generate_series(1, 100) g`,
    SCHEMA,
  );
  const stream = stores.start([items, parts]);
  await untilState(stream, 'streaming');
  return stream;
}

function databases({ migration }: RunningStream) {
  return { migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl };
}

function reconciled(stream: RunningStream, more: Partial<ReconcileOptions> = {}) {
  return reconcile({ ...databases(stream), dryRun: false, ...more });
}

test('what is missing, extra or different is repaired while the stream runs, and a dry run only says so', async () => {
  const stream = await started();
  // The rogue part refers to the rogue item, which so can only be deleted after it.
  await stores.target.query(`
    DELETE FROM part WHERE id = 5; DELETE FROM item WHERE id = 200; UPDATE item SET name = NULL WHERE id = 3;
    INSERT INTO item VALUES (1000, 'rogue'); INSERT INTO part VALUES (1000, 1000)`);
  const planned = await reconciled(stream, { dryRun: true });
  expect(planned).toMatchObject({ dry_run: true, inserted: 0, updated: 0, deleted: 0, left: 5 });
  const actions = planned.repairs.map(({ table, action, key: named }) => `${action} ${table} ${named.id}`);
  expect(actions.toSorted()).toEqual([
    'delete public.item 1000',
    'delete public.part 1000',
    'insert public.item 200',
    'insert public.part 5',
    'update public.item 3',
  ]);
  expect((await verify(databases(stream))).verdict).toBe('different');

  expect(await reconciled(stream)).toMatchObject({ dry_run: false, inserted: 2, updated: 1, deleted: 2, left: 0 });
  expect((await verify(databases(stream))).verdict).toBe('equal');
  expect(await reconciled(stream)).toMatchObject({ inserted: 0, updated: 0, deleted: 0, left: 0, repairs: [] });
  // The stream was neither stopped nor taken over.
  await stores.source.query("UPDATE item SET name = 'goes on' WHERE id = 1");
  await untilCaughtUp(stores);
  expect((await rowsOf(stores.target, 'item'))[0]).toEqual({ id: 1, name: 'goes on', n: 0 });
  expect((await stores.target.query('SELECT fence::int AS fence FROM strangler.stream')).rows).toEqual([{ fence: 1 }]);
});

test('a row that the target refuses is left, with the reason, and the others beside it are repaired', async () => {
  const stream = await started();
  await stores.target.query(`DELETE FROM item WHERE id IN (200, 201, 202);
    ALTER TABLE item ADD CONSTRAINT odd CHECK (id <> 201)`);
  const report = await reconciled(stream);
  expect(report).toMatchObject({ inserted: 2, left: 1 });
  expect(report.repairs.find(({ action }) => action === 'left')).toMatchObject({
    key: { id: '201' },
    reason: expect.stringContaining('violates check constraint "odd"'),
  });
});

test('while the rows that it repairs change all the time, no reader sees one go back, and all are equal in the end', async () => {
  const stream = await started();
  const [source, target] = [await stores.session('source'), await stores.session('target')];
  const types = {
    source: await readColumnTypes(source, items.source),
    target: await readColumnTypes(target, items.target),
  };
  const name = { capability: stores.capability, direction: 'forward' } as const;
  const workshop = {
    ...{ source, target, name },
    facts: await readTargetFacts(target, [items.target]),
    stream: appliedPosition({ source, target }, name, 30_000),
  };
  const done: string[] = [];
  await whileRowsRise(stores, { table: 'item', column: 'n', firstId: 201, rows: 40 }, async () => {
    for (let round = 0; round < 25; round++) {
      const keys = Array.from({ length: 10 }, (_, n) => [String(201 + ((round + n * 4) % 40))]);
      await stores.target.query('DELETE FROM item WHERE id = ANY($1::integer[])', [keys.flat()]);
      const missing = keys.map((each) => ({ kind: 'missing', key: each, columns: [] }) as const);
      const repairs = await repair(workshop, compareTable(items, types, new Map(), 'forward'), missing);
      done.push(...repairs.map(({ action }) => action));
    }
  });
  // Some it brought back, some the stream had brought back before it.
  expect(done.filter((action) => action === 'inserted').length).toBeGreaterThan(40);
  await untilCaughtUp(stores);
  await reconciled(stream);
  expect((await verify(databases(stream))).verdict).toBe('equal');
  expect(stream.monitor.status()).toMatchObject({ state: 'streaming' });
});
