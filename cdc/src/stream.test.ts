import { cents, code, integer, pair, rows, text } from 'strangler-migrations/define';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStores, rowsOf, type Stores, untilCaughtUp, untilState } from './testing/stores.ts';

const tables = [
  rows({
    source: 'prod',
    target: 'product',
    key: { id: integer('prod_id') },
    columns: {
      name: text('prod_nm'),
      price_cents: cents('prod_prc'),
      status: code('st', { 1: 'active', 9: 'deleted' }),
    },
    pairs: [
      pair({
        name: 'attributes',
        source: { attr_txt: 'text' },
        target: { attributes: 'jsonb' },
        forward: ({ attr_txt }) => ({ attributes: JSON.stringify(attr_txt) }),
        back: ({ attributes }) => ({ attr_txt: JSON.parse(attributes ?? 'null') }),
      }),
    ],
  }),
];

let stores: Stores;
beforeAll(async () => {
  stores = await createStores(
    `CREATE TABLE prod (prod_id serial PRIMARY KEY, prod_nm varchar(80) NOT NULL, prod_prc numeric(10,2),
       st smallint NOT NULL DEFAULT 1, attr_txt text NOT NULL DEFAULT '');
     INSERT INTO prod (prod_nm, prod_prc, attr_txt) SELECT 'product ' || n, n / 100.0, E'a\\tb\\n\\\\' || n FROM generate_series(1, 500) n`,
    `CREATE TABLE product (id integer PRIMARY KEY, name text NOT NULL, price_cents bigint,
       status text NOT NULL, attributes jsonb NOT NULL)`,
  );
});
afterAll(() => stores.end());

test('a row travels: the load brings what was there, the stream what changes', async () => {
  const stream = stores.start(tables);
  await untilState(stream, 'streaming');
  expect(await rowsOf(stores.target, 'product')).toHaveLength(500);
  await stores.source.query(`
    INSERT INTO prod (prod_id, prod_nm, prod_prc) VALUES (1000, 'new', 19.99);
    UPDATE prod SET st = 9 WHERE prod_id = 2;
    UPDATE prod SET prod_id = 1001 WHERE prod_id = 3;
    DELETE FROM prod WHERE prod_id BETWEEN 4 AND 499`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'product')).toEqual([
    { id: 1, name: 'product 1', price_cents: 1, status: 'active', attributes: 'a\tb\n\\1' },
    { id: 2, name: 'product 2', price_cents: 2, status: 'deleted', attributes: 'a\tb\n\\2' },
    { id: 500, name: 'product 500', price_cents: 500, status: 'active', attributes: 'a\tb\n\\500' },
    { id: 1000, name: 'new', price_cents: 1999, status: 'active', attributes: '' },
    { id: 1001, name: 'product 3', price_cents: 3, status: 'active', attributes: 'a\tb\n\\3' },
  ]);
  await stream.stop();
});
