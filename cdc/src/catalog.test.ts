import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadMigrations } from 'strangler-migrations/define';
import { afterAll, expect, test } from 'vitest';
import { createStores, rowsOf, type Stores, untilCaughtUp, untilState } from './testing/stores.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let stores: Stores;
afterAll(() => stores.end());

function schemaOf(folder: string): string {
  const migrations = readdirSync(`${ROOT}${folder}`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return migrations.map((entry) => readFileSync(`${ROOT}${folder}/${entry.name}/migration.sql`, 'utf8')).join('\n');
}

test('the example travels through its own declaration: the shop to the catalog service', async () => {
  const [catalog] = await loadMigrations(`${ROOT}migrations`);
  stores = await createStores(schemaOf('monolith/prisma/migrations'), schemaOf('extracted/catalog/prisma/migrations'));
  await stores.source.query(`
    INSERT INTO categ (cat_cd, cat_nm, cat_path) VALUES ('knives', 'Knives', 'home/kitchen/knives');
    INSERT INTO usr (eml, pw_hsh, usr_nm) VALUES ('a@b.c', 'x', 'Ann'), ('d@e.f', 'x', 'Dee');
    INSERT INTO prod (sku, prod_nm, cat_path, prod_prc, attr_txt) SELECT 'S' || n, 'Knife ' || n, 'home/kitchen/knives', n, 'colour=red;size=XL'
      FROM generate_series(1, 50) n;
    INSERT INTO inv (prod_id, qty_oh) SELECT prod_id, 5 FROM prod`);
  await untilState(stores.start([...catalog!.tables, ...catalog!.follows]), 'streaming');
  await stores.source.query(`
    UPDATE prod SET prod_prc = 12.34, old_prc = 20, prod_st = 2, upd_dt = '2026-01-02 03:04:05.678' WHERE prod_id = 7;
    INSERT INTO rvw (prod_id, usr_id, strs, ttl) VALUES (7, 1, 5, 'Sharp'), (7, 2, 4, 'Good');
    UPDATE inv SET qty_rsv = 2 WHERE prod_id = 7`);
  await untilCaughtUp(stores);
  const products = (await rowsOf(stores.target, 'product')) as Record<string, unknown>[];
  expect(products).toHaveLength(50);
  expect(products[6]).toMatchObject({
    sku: 'S7',
    category_path: ['home', 'kitchen', 'knives'],
    price_cents: 1234,
    previous_price_cents: 2000,
    status: 'hidden',
    tax_class: 'standard',
    updated_at: '2026-01-02T03:04:05.678+00:00',
  });
  expect(await rowsOf(stores.target, 'product_rating', 'product_id')).toEqual([
    { product_id: 7, review_count: 2, average: 4.5 },
  ]);
  const stock = (await rowsOf(stores.target, 'product_stock', 'product_id')) as object[];
  expect(stock[6]).toEqual({ product_id: 7, on_hand: 5, reserved: 2 });
});
