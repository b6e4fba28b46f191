import { defineMigration, loose, rows, text, undeleted } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { useGuarded } from '../../guard/testing/guarded.ts';
import { checkForeignKeys } from './foreign-keys.ts';

const shop = useGuarded(`CREATE TABLE maker (id int PRIMARY KEY);
  CREATE TABLE item (id int PRIMARY KEY, maker int CONSTRAINT made_by REFERENCES maker);
  CREATE TABLE basket (item int CONSTRAINT holds REFERENCES item)`);

/** Both sides are the one database here. */
const check = (foreignKeys: Parameters<typeof defineMigration>[0]['foreignKeys']) =>
  checkForeignKeys({
    databases: { monolith: shop.query, service: shop.query },
    migration: defineMigration({
      capability: 'catalog',
      routes: {},
      tables: [rows({ source: 'item', target: 'item', key: { id: text('id') }, columns: {} })],
      ...(foreignKeys ? { foreignKeys } : {}),
    }),
  });

test('a delete that only one side would refuse is not found out afterwards: what crosses the boundary needs a policy', async () => {
  expect(await check(undefined)).toMatchObject({
    ok: false,
    found: expect.stringContaining('holds (monolith: public.basket -> public.item), made_by (monolith: public.item'),
    mend: expect.stringContaining("foreignKeys: { holds: undeleted('...') }"),
  });
  expect(await check({ holds: undeleted('items are marked') })).toMatchObject({ ok: false });
  expect(await check({ holds: undeleted('items are marked'), made_by: loose('makers come and go') })).toEqual({
    ok: true,
    found: '4 cross the boundary, each with a declared policy',
    mend: null,
  });
});

test('a policy for a key that is not there is refused, as it may have been meant for another', async () => {
  const policies = { holds: undeleted('x'), made_by: loose('x'), hold: undeleted('x') };
  expect(await check(policies)).toMatchObject({ ok: false, found: expect.stringMatching(/boundary: hold$/) });
  expect(() =>
    defineMigration({ capability: 'catalog', routes: {}, tables: [], foreignKeys: { a: loose(' ') } }),
  ).toThrow('it has no reason');
});
