import { randomUUID } from 'node:crypto';
import { integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { beginApplying, repairOrigin } from './apply/apply-session.ts';
import { replayLetters } from './apply/settle-letters.ts';
import { courseOf } from './direction.ts';
import { reconcile } from './reconcile/reconcile.ts';
import { PROD, PRODUCT, products, startBoth } from './testing/both-ways.ts';
import { beginMove, moveOwner } from './testing/ownership.ts';
import { createStores, type RunningStream, rowsOf, type Stores, until, untilCaughtUp } from './testing/stores.ts';
import { verify } from './verify/verify.ts';

let stores: Stores;
afterEach(() => stores.end());

const count = (stream: RunningStream) => {
  const { rows_applied, rogue_writes, echoes_dropped } = stream.monitor.status();
  return { rows_applied, rogue_writes, echoes_dropped };
};

/** `npm run drill:both-ways` asks for a million. An ownership that moves has at most so many writes before it. */
const WRITES = Number(process.env.STRANGLER_BOTH_WAYS_WRITES ?? 600);
const WRITES_PER_EPOCH_MAX = 50_000;
const EPOCHS = 2 * Math.max(2, Math.ceil(WRITES / WRITES_PER_EPOCH_MAX / 2));

test(
  'writes of both sides in alternation arrive on the other one, and none of them comes back',
  async () => {
    stores = await createStores(`${PROD}; INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 100) n`, PRODUCT);
    const { forward, reverse } = await startBoth(stores);
    const inserted = Math.ceil(WRITES / EPOCHS) - 52;
    let writes = 0;
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      const direction = epoch % 2 === 1 ? 'forward' : 'reverse';
      const [owner, table, key, name, amount] =
        direction === 'forward'
          ? ([stores.source, 'prod', 'prod_id', 'nm', 'prc'] as const)
          : ([stores.target, 'product', 'id', 'name', 'cents'] as const);
      const base = 100_000 * epoch;
      await owner.query(`INSERT INTO ${table} (${key}, ${name}, ${amount})
        SELECT n, 'e${epoch}', n FROM generate_series(${base}, ${base + inserted - 1}) n`);
      for (let n = 0; n < 50; n++) {
        await owner.query(`UPDATE ${table} SET ${name} = 'e${epoch} ${n}', ${amount} = ${n} WHERE ${key} = ${n + 1}`);
      }
      await owner.query(`DELETE FROM ${table} WHERE ${key} = ${base + 1}`);
      await owner.query(`UPDATE ${table} SET ${key} = ${key} + 60000 WHERE ${key} = ${base + 2}`);
      writes += inserted + 50 + 1 + 1;
      await moveOwner(stores, direction, epoch);
    }
    await untilCaughtUp(stores);
    await untilCaughtUp(stores, 'reverse');
    const digest = (id: string, name: string, cents: string) =>
      `SELECT count(*)::int AS rows, sum(hashtextextended(concat_ws(' ', ${id}, ${name}, ${cents}), 0)::numeric)::text AS sum FROM`;
    const monolith = (await stores.source.query(`${digest('prod_id', 'nm', '(prc * 100)::bigint')} prod`)).rows;
    const service = (await stores.target.query(`${digest('id', 'name', 'cents')} product`)).rows;
    expect(service).toEqual(monolith);
    expect(monolith).toMatchObject([{ rows: 100 + EPOCHS * (inserted - 1) }]);
    // What one applied the other has seen and left out, once: nothing goes round.
    const [there, back] = [forward.monitor.status(), reverse.monitor.status()];
    expect({ there: there.echoes_dropped, back: back.echoes_dropped }).toEqual({ there: writes / 2, back: writes / 2 });
    expect([there.rogue_writes, back.rogue_writes]).toEqual([0, 0]);
    // A key change is two events; and the markers: a fence and an open per move.
    expect(there.rows_applied + back.rows_applied).toBe(writes + EPOCHS + 2 * EPOCHS);
  },
  30_000 + WRITES,
);

test('a service that writes before it owns: the write is kept and told, and the monolith never sees it', async () => {
  stores = await createStores(`${PROD}; INSERT INTO prod VALUES (1, 'mine', 1)`, PRODUCT);
  const { reverse } = await startBoth(stores);
  await stores.target.query(
    `UPDATE product SET name = 'rogue'; INSERT INTO product VALUES (2, 'rogue', 2); TRUNCATE product`,
  );
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'prod', 'prod_id')).toEqual([{ prod_id: 1, nm: 'mine', prc: 1 }]);
  expect(reverse.monitor.status()).toMatchObject({ rogue_writes: 3, gate: { state: 'closed', epoch: '1' } });
  const { rows: kept } = await stores.source.query(
    `SELECT direction, epoch::int AS epoch, event ->> 'op' AS op, event -> 'key' ->> 'id' AS id, event -> 'after' ->> 'name' AS name
     FROM strangler.rogue_write ORDER BY id`,
  );
  expect(kept).toEqual([
    { direction: 'reverse', epoch: 1, op: 'u', id: '1', name: 'rogue' },
    { direction: 'reverse', epoch: 1, op: 'c', id: '2', name: 'rogue' },
    { direction: 'reverse', epoch: 1, op: 't', id: null, name: null },
  ]);
  // A new session knows of them.
  await reverse.stop();
  const again = stores.start([products], {}, { direction: 'reverse' });
  await until('the count is there again', () => again.monitor.status().rogue_writes === 3);
});

test('a monolith that writes after the cut-over, past its guard, does not overwrite what the service says', async () => {
  stores = await createStores(`${PROD}; INSERT INTO prod VALUES (1, 'first', 1)`, PRODUCT);
  const { forward } = await startBoth(stores);
  await moveOwner(stores, 'forward', 1);
  await stores.target.query(`UPDATE product SET name = 'of the owner'`);
  await untilCaughtUp(stores, 'reverse');
  await stores.source.query(`UPDATE prod SET nm = 'of the repricing job'`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'product')).toEqual([{ id: 1, name: 'of the owner', cents: 100 }]);
  expect(forward.monitor.status()).toMatchObject({ rogue_writes: 1, gate: { state: 'closed' } });
});

test('what follows flows forward before and after the cut-over, and has no way back', async () => {
  const inv = 'CREATE TABLE inv (id integer PRIMARY KEY, qty integer)';
  const stock = rows({ source: 'inv', target: 'inv', key: { id: integer('id') }, columns: { qty: integer('qty') } });
  stores = await createStores(`${PROD}; ${inv}; INSERT INTO inv VALUES (1, 10)`, `${PRODUCT}; ${inv}`);
  await startBoth(stores, [products], { follows: [stock] });
  await moveOwner(stores, 'forward', 1);
  await stores.source.query('UPDATE inv SET qty = 9');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'inv')).toEqual([{ id: 1, qty: 9 }]);
  await stores.target.query('UPDATE inv SET qty = 0');
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'inv')).toEqual([{ id: 1, qty: 9 }]);
});

test('a trigger of the monolith has done its work at the source of a row: on what the sync applies it does nothing', async () => {
  const counted = 'CREATE TABLE tally (n integer); INSERT INTO tally VALUES (0)';
  stores = await createStores(
    `${PROD}; ${counted}; CREATE FUNCTION tick() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE tally SET n = n + 1; RETURN NULL; END';
     CREATE TRIGGER ticks AFTER INSERT ON prod FOR EACH ROW EXECUTE FUNCTION tick()`,
    PRODUCT,
  );
  await startBoth(stores);
  await stores.source.query(`INSERT INTO prod VALUES (1, 'by the monolith', 1)`);
  await moveOwner(stores, 'forward', 1);
  await stores.target.query(`INSERT INTO product VALUES (2, 'by the service', 2)`);
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'prod', 'prod_id')).toHaveLength(2);
  expect((await stores.source.query('SELECT n FROM tally')).rows).toEqual([{ n: 1 }]);
});

test("another capability's sync is no echo: what its apply, or a trigger under it, writes is carried", async () => {
  stores = await createStores(PROD, PRODUCT);
  const { forward } = await startBoth(stores);
  const orders = await stores.session('source');
  await beginApplying(orders, `strangler_${stores.capability}_orders_reverse`);
  await orders.query(`INSERT INTO prod VALUES (1, 'stock was taken', 1)`);
  await orders.end();
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'product')).toHaveLength(1);
  expect(count(forward).echoes_dropped).toBe(0);
});

test('a trigger that fires under the own sync and writes what only follows is no echo either', async () => {
  const inv = 'CREATE TABLE inv (id integer PRIMARY KEY, qty integer)';
  const stock = rows({ source: 'inv', target: 'inv', key: { id: integer('id') }, columns: { qty: integer('qty') } });
  stores = await createStores(
    `${PROD}; ${inv}; CREATE FUNCTION stocked() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO inv VALUES (NEW.prod_id, 0); RETURN NULL; END';
     CREATE TRIGGER stocked AFTER INSERT ON prod FOR EACH ROW EXECUTE FUNCTION stocked(); ALTER TABLE prod ENABLE ALWAYS TRIGGER stocked`,
    `${PRODUCT}; ${inv}`,
  );
  const { forward } = await startBoth(stores, [products], { follows: [stock] });
  await moveOwner(stores, 'forward', 1);
  await stores.target.query(`INSERT INTO product VALUES (7, 'by the service', 2)`);
  await untilCaughtUp(stores, 'reverse');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'inv')).toEqual([{ id: 7, qty: 0 }]);
  expect(count(forward)).toMatchObject({ echoes_dropped: 1, rogue_writes: 0 });
});

test('what is repaired beside the stream, or replayed, does not come back either', async () => {
  stores = await createStores(`${PROD}; INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 10) n`, PRODUCT);
  const { reverse } = await startBoth(stores);
  // Damage that nobody's log shows: made under the sync's own name.
  const damage = await stores.session('target');
  const databases = { migration: reverse.migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl };
  await beginApplying(damage, repairOrigin(courseOf(databases, 'forward').origin));
  await damage.query('DELETE FROM product WHERE id <= 3');
  await damage.end();
  const report = await reconcile({ ...databases, dryRun: false });
  expect(report).toMatchObject({ inserted: 3, left: 0 });
  await untilCaughtUp(stores, 'reverse');
  expect(count(reverse)).toEqual({ rows_applied: 0, rogue_writes: 0, echoes_dropped: 6 });
});

test('what was parked in an older epoch is never replayed: the owner may have written the row since', async () => {
  stores = await createStores(PROD, `${PRODUCT}; ALTER TABLE product ADD CONSTRAINT sound CHECK (name <> 'poison')`);
  const { forward } = await startBoth(stores);
  await stores.source.query(
    `INSERT INTO prod VALUES (1, 'sound', 1), (2, 'poison', 1); UPDATE prod SET nm = 'poison' WHERE prod_id = 1`,
  );
  await untilCaughtUp(stores);
  expect(forward.monitor.status().dead_letters).toEqual({ keys: 2, events: 2 });
  await stores.target.query('ALTER TABLE product DROP CONSTRAINT sound');
  const databases = { migration: forward.migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl };
  const course = courseOf(databases, 'forward');
  const client = await stores.session('target');
  const replay = () => replayLetters({ client, stream: course.name, ids: undefined, dryRun: false, course });
  for (let epoch = 1; epoch <= 2; epoch++) {
    await moveOwner(stores, epoch === 1 ? 'forward' : 'reverse', epoch);
    if (epoch === 1) await stores.target.query(`UPDATE product SET name = 'of the new owner' WHERE id = 1`);
    await untilCaughtUp(stores, 'reverse');
    await untilCaughtUp(stores);
    const outcomes = await replay();
    expect(outcomes.map(({ outcome, cause }) => [outcome, cause?.slice(0, 29)])).toEqual([
      ['refused', 'it was parked in epoch 1 and t'.slice(0, 29)],
      ['refused', 'it was parked in epoch 1 and t'.slice(0, 29)],
    ]);
  }
  expect(await rowsOf(stores.target, 'product')).toMatchObject([{ id: 1, name: 'of the new owner' }]);
});

test('after a cut-over the monolith is held against the service, and repaired from it; what follows still the other way', async () => {
  const inv = 'CREATE TABLE inv (id integer PRIMARY KEY, qty integer)';
  const stock = rows({ source: 'inv', target: 'inv', key: { id: integer('id') }, columns: { qty: integer('qty') } });
  stores = await createStores(
    `${PROD}; ${inv}; INSERT INTO inv VALUES (1, 10); INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 100) n`,
    `${PRODUCT}; ${inv}`,
  );
  const { reverse } = await startBoth(stores, [products], { follows: [stock] });
  const databases = { migration: reverse.migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl };
  expect(await verify(databases)).toMatchObject({ owner: 'monolith', verdict: 'equal' });
  await moveOwner(stores, 'forward', 1);
  expect(await verify(databases)).toMatchObject({ owner: 'service', verdict: 'equal' });

  await stores.source.query(`DELETE FROM prod WHERE prod_id = 1; UPDATE prod SET nm = 'rogue' WHERE prod_id = 2;
    INSERT INTO prod VALUES (500, 'rogue', 5)`);
  await untilCaughtUp(stores);
  await stores.target.query('UPDATE inv SET qty = 0');
  const found = await verify(databases);
  expect(found.tables).toMatchObject([
    { source: 'public.product', target: 'public.prod', missing: 1, extra: 1, different: 1, unsettled: 0 },
    { source: 'public.inv', target: 'public.inv', different: 1 },
  ]);
  expect(await reconcile({ ...databases, dryRun: false })).toMatchObject({
    inserted: 1,
    updated: 2,
    deleted: 1,
    left: 0,
  });
  expect(await verify(databases)).toMatchObject({ owner: 'service', verdict: 'equal' });
  expect(await rowsOf(stores.target, 'inv')).toEqual([{ id: 1, qty: 10 }]);
  expect(await rowsOf(stores.source, 'prod', 'prod_id')).toHaveLength(100);
});

test('an ownership that moves under a verification ends it: there is nothing to conclude', async () => {
  stores = await createStores(`${PROD}; INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 100) n`, PRODUCT);
  const { reverse } = await startBoth(stores);
  const damage = await stores.session('target');
  const databases = { migration: reverse.migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl };
  await damage.query('DELETE FROM product WHERE id = 1');
  const verification = verify({ ...databases, settled: () => moveOwner(stores, 'forward', 1) });
  await expect(verification).rejects.toThrow('moved while it was verified');
});

test('a fence that is undone opens the gate again, with nothing between lost', async () => {
  stores = await createStores(PROD, PRODUCT);
  const { forward } = await startBoth(stores);
  const move = beginMove(stores, 'forward', 1);
  await move.fence();
  await move.drained();
  await move.undo();
  await stores.source.query(`INSERT INTO prod VALUES (1, 'still mine', 1)`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'product')).toHaveLength(1);
  expect(forward.monitor.status()).toMatchObject({ rogue_writes: 0, gate: { state: 'open', epoch: '2' } });
});

test("a marker stands in the ledger once all that was committed before it is applied; another capability's does not", async () => {
  stores = await createStores(PROD, PRODUCT);
  const { forward } = await startBoth(stores);
  const attempt = randomUUID();
  const mark = `INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES ($1, 1, $2, 'probe')`;
  await stores.source.query(`INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 500) n`);
  await stores.source.query(mark, ['another', randomUUID()]);
  await stores.source.query(mark, [stores.capability, attempt]);
  const rowsThen = await until('the probe has arrived', async () => {
    const { rows: found } = await stores.target.query(
      'SELECT (SELECT count(*)::int FROM product) AS rows FROM strangler.stream_marker WHERE attempt = $1',
      [attempt],
    );
    return found[0]?.rows as number | undefined;
  });
  expect(rowsThen).toBe(500);
  const { rows: markers } = await stores.target.query(
    'SELECT capability, direction, kind FROM strangler.stream_marker',
  );
  expect(markers).toEqual([{ capability: stores.capability, direction: 'forward', kind: 'probe' }]);
  // A probe says the way and changes nothing.
  expect(forward.monitor.status().gate).toEqual({ state: 'open', epoch: '1' });
});

test('a column that the service does not have keeps its value, and a new row gets its default', async () => {
  const wide = 'CREATE TABLE prod (prod_id integer PRIMARY KEY, nm text, whs text NOT NULL DEFAULT $$MAIN$$)';
  const narrow = rows({
    source: 'prod',
    target: 'product',
    key: { id: integer('prod_id') },
    columns: { name: text('nm') },
    unmapped: { source: { whs: 'no concern of the service' } },
  });
  stores = await createStores(
    `${wide}; INSERT INTO prod VALUES (1, 'a', 'EAST'), (2, 'b', 'WEST')`,
    'CREATE TABLE product (id integer PRIMARY KEY, name text)',
  );
  await startBoth(stores, [narrow]);
  await moveOwner(stores, 'forward', 1);
  await stores.target.query(
    `UPDATE product SET name = 'new name' WHERE id = 1; INSERT INTO product VALUES (3, 'c'); UPDATE product SET id = 9 WHERE id = 2`,
  );
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'prod', 'prod_id')).toEqual([
    { prod_id: 1, nm: 'new name', whs: 'EAST' },
    { prod_id: 3, nm: 'c', whs: 'MAIN' },
    { prod_id: 9, nm: 'b', whs: 'WEST' },
  ]);
});
