import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { fence, flip, open, readGuard, undo } from './ownership.ts';
import { queryOn, stateOf, useGuarded } from './testing/guarded.ts';

const shop = useGuarded('CREATE TABLE item (id int PRIMARY KEY, price int); INSERT INTO item VALUES (1, 1)');

test('ownership goes and comes back', async () => {
  const workflow = queryOn(await shop.session('workflow'));
  const app = await shop.session();
  const sync = await shop.session('sync');
  const attempt = randomUUID();
  await app.query('UPDATE item SET price = 2');
  expect(await stateOf(sync.query('UPDATE item SET price = 2'))).toBe('ST003');
  expect(await fence(workflow, { capability: 'catalog', epoch: 1, attempt }, 5000)).toMatchObject({
    state: 'fenced',
    epoch: 1,
    attempt,
  });
  expect(await stateOf(app.query('UPDATE item SET price = 2'))).toBe('ST002');
  expect(await stateOf(sync.query('UPDATE item SET price = 2'))).toBe('ST003');
  expect(await undo(workflow, { capability: 'catalog', epoch: 1, attempt })).toMatchObject({ state: 'open', epoch: 2 });
  await app.query('UPDATE item SET price = 2');
  const second = randomUUID();
  await fence(workflow, { capability: 'catalog', epoch: 2, attempt: second }, 5000);
  expect(await flip(workflow, { capability: 'catalog', epoch: 2, attempt: second }, 100)).toMatchObject({
    state: 'closed',
    epoch: 3,
  });
  expect(await stateOf(app.query('UPDATE item SET price = 2'))).toBe('ST001');
  await sync.query('UPDATE item SET price = 2');
  const back = randomUUID();
  expect(await stateOf(open(workflow, { capability: 'catalog', epoch: 4, attempt: back }))).toBe('ST103');
  await shop.admin.query(`INSERT INTO strangler.stream_marker VALUES ('catalog', 'reverse', 'fence', 3, $1)`, [back]);
  const old = await shop.session();
  await old.query('BEGIN');
  await old.query('SELECT * FROM item');
  expect(await open(workflow, { capability: 'catalog', epoch: 4, attempt: back })).toMatchObject({
    state: 'open',
    epoch: 4,
  });
  expect(await stateOf(old.query('UPDATE item SET price = 2'))).toBe('40001');
  await app.query('UPDATE item SET price = 2');
  expect(await readGuard(workflow, 'catalog')).toMatchObject({
    refused: 4,
    shut: false,
    row: { state: 'open', epoch: 4 },
  });
});
