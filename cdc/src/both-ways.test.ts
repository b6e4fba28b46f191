import { cents, integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { installGuard, moveOwner } from './testing/ownership.ts';
import { createStores, type RunningStream, type Stores, until, untilCaughtUp, untilState } from './testing/stores.ts';

const PROD = 'CREATE TABLE prod (prod_id integer PRIMARY KEY, nm text, prc numeric(10,2))';
const PRODUCT = 'CREATE TABLE product (id integer PRIMARY KEY, name text, cents bigint)';
const products = rows({
  source: 'prod',
  target: 'product',
  key: { id: integer('prod_id') },
  columns: { name: text('nm'), cents: cents('prc') },
});

let stores: Stores;
afterEach(() => stores.end());

async function startBoth(): Promise<{ readonly forward: RunningStream; readonly reverse: RunningStream }> {
  const forward = stores.start([products]);
  await untilState(forward, 'streaming');
  await installGuard(stores);
  const reverse = stores.start([products], {}, { direction: 'reverse' });
  await untilState(reverse, 'streaming');
  await until('both publications carry the markers', async () => {
    const sql = `SELECT FROM pg_publication_tables WHERE tablename = 'marker'`;
    return (await stores.source.query(sql)).rowCount === 1 && (await stores.target.query(sql)).rowCount === 1;
  });
  return { forward, reverse };
}

test('writes of both sides in alternation arrive on the other one, and none of them comes back', async () => {
  stores = await createStores(`${PROD}; INSERT INTO prod SELECT n, 'n', 1 FROM generate_series(1, 100) n`, PRODUCT);
  const { forward, reverse } = await startBoth();
  let writes = 0;
  for (let epoch = 1; epoch <= 4; epoch++) {
    const direction = epoch % 2 === 1 ? 'forward' : 'reverse';
    const owner = direction === 'forward' ? stores.source : stores.target;
    const table = direction === 'forward' ? 'prod (prod_id, nm, prc)' : 'product (id, name, cents)';
    const [name, key, amount] = direction === 'forward' ? ['nm', 'prod_id', 'prc'] : ['name', 'id', 'cents'];
    const base = 1_000 * epoch;
    await owner.query(`INSERT INTO ${table} SELECT n, 'e${epoch}', n FROM generate_series(${base}, ${base + 99}) n`);
    for (let n = 0; n < 50; n++) {
      await owner.query(
        `UPDATE ${table.split(' ')[0]} SET ${name} = 'e${epoch} ${n}', ${amount} = ${n} WHERE ${key} = ${n + 1}`,
      );
    }
    await owner.query(`DELETE FROM ${table.split(' ')[0]} WHERE ${key} = ${base + 1}`);
    await owner.query(`UPDATE ${table.split(' ')[0]} SET ${key} = ${key} + 500 WHERE ${key} = ${base + 2}`);
    writes += 100 + 50 + 1 + 1;
    await moveOwner(stores, direction, epoch);
  }
  await untilCaughtUp(stores);
  await untilCaughtUp(stores, 'reverse');
  const monolith = (await stores.source.query('SELECT prod_id AS id, nm AS name, prc FROM prod ORDER BY 1')).rows;
  const service = (
    await stores.target.query('SELECT id, name, round(cents / 100.0, 2)::text AS prc FROM product ORDER BY 1')
  ).rows;
  expect(service).toEqual(monolith);
  expect(monolith).toHaveLength(100 + 4 * 99);
  // What one applied the other has seen and left out, once, and a key change is two events: nothing goes round.
  const [there, back] = [forward.monitor.status(), reverse.monitor.status()];
  expect({ there: there.echoes_dropped, back: back.echoes_dropped }).toEqual({
    there: writes / 2,
    back: writes / 2,
  });
  expect([there.rogue_writes, back.rogue_writes]).toEqual([0, 0]);
  // Each write's event, with the markers: a fence and an open per move.
  expect(there.rows_applied + back.rows_applied).toBe(writes + 4 + 8);
});
