import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { decide, type Standing } from './decide.ts';
import { bar, fence, open, readGuard, reaffirm } from './ownership.ts';
import { CAPABILITY, stateOf, useGuarded } from './testing/guarded.ts';

const shop = useGuarded('CREATE TABLE item (id int PRIMARY KEY, price int); INSERT INTO item VALUES (1, 1)');

const WRITE = 'UPDATE item SET price = price + 1';

/** As if the row came from another history of the server. (tests/guard/failover.test.ts promotes a real standby.) */
const failOver = (what = 'timeline = timeline + 7') => shop.admin.query(`UPDATE strangler.guard SET ${what}`);
const row = async () => (await readGuard(shop.query, CAPABILITY))!.row;

beforeEach(async () => {
  await shop.admin.query(`DELETE FROM strangler.stream_marker;
    UPDATE strangler.guard SET state = 'open', epoch = 5, attempt = NULL, deadline = NULL, barred = NULL,
      timeline = strangler.guard_timeline(), system_identifier = (SELECT system_identifier::text FROM pg_control_system())`);
});

test.each([
  ['another timeline', 'timeline = timeline + 1'],
  ['another server that was restored from a copy', `system_identifier = '42'`],
])(
  'after a failover to %s nobody may write, in sessions old and new, until the owner is confirmed',
  async (_, what) => {
    const [old, sync] = [await shop.session(), await shop.session('sync')];
    await old.query(WRITE);
    await failOver(what);
    const fresh = await shop.session();
    // A session outlives no server: what an old one has asked of its server holds.
    for (const session of [old, fresh]) expect(await stateOf(session.query(WRITE))).toBe('ST004');
    expect(await stateOf(sync.query(WRITE))).toBe('ST004');
    const attempt = { capability: CAPABILITY, epoch: 5, attempt: randomUUID() };
    expect(await stateOf(fence(shop.query, attempt, 9_000))).toBe('ST004');
    const seen = await row();
    expect(await stateOf(reaffirm(shop.query, { ...seen, epoch: 4 }, { ...seen, state: 'open', epoch: 6 }))).toBe(
      'ST101',
    );
    expect(await reaffirm(shop.query, seen, { state: 'open', epoch: 6, attempt: null })).toMatchObject({
      state: 'open',
      epoch: 6,
    });
    await old.query(WRITE);
    expect(await stateOf(reaffirm(shop.query, seen, { state: 'open', epoch: 7, attempt: null })), 'once').toBe('ST101');
  },
);

test('a confirmation cannot open what was closed, nor keep the epoch of what it opens', async () => {
  await failOver();
  const seen = await row();
  expect(await stateOf(reaffirm(shop.query, seen, { state: 'open', epoch: 5, attempt: null }))).toBe('ST107');
  await shop.admin.query(`UPDATE strangler.guard SET state = 'closed'`);
  expect(await stateOf(reaffirm(shop.query, seen, { state: 'open', epoch: 9, attempt: null }))).toBe('ST107');
  await reaffirm(shop.query, seen, { state: 'closed', epoch: 5, attempt: null });
});

test('a side that was barred does not open by what was decided before, and is barred once for each history', async () => {
  const old = randomUUID();
  await shop.admin.query(`UPDATE strangler.guard SET state = 'closed'`);
  await shop.admin.query(`INSERT INTO strangler.stream_marker VALUES ('catalog', 'reverse', 'fence', 5, $1)`, [old]);
  expect(await bar(shop.query, await row(), '1/2')).toMatchObject({
    state: 'closed',
    epoch: 6,
    attempt: null,
    barred: '1/2',
  });
  expect(await stateOf(open(shop.query, { capability: CAPABILITY, epoch: 6, attempt: old }))).toBe('ST101');
  // Somebody who was late bars nothing that was begun since.
  await shop.admin.query(`INSERT INTO strangler.stream_marker VALUES ('catalog', 'reverse', 'fence', 6, $1)`, [old]);
  expect(await bar(shop.query, await row(), '1/2')).toMatchObject({ epoch: 6 });
  expect(await bar(shop.query, await row(), '1/1')).toMatchObject({ epoch: 6 });
  expect(await bar(shop.query, await row(), '1/3')).toMatchObject({ epoch: 7, barred: '1/3' });
});

describe('what two rows say', () => {
  const standing = (state: Standing['state'], epoch: number, more: Partial<Standing> = {}): Standing => ({
    state,
    epoch,
    attempt: null,
    shut: false,
    history: '1/1',
    ...more,
  });
  const cases: readonly (readonly [string, Standing, Standing, object])[] = [
    ['at rest', standing('open', 1), standing('closed', 1), { kind: 'settled', owner: 'monolith', epoch: 1 }],
    ['after a cut-over', standing('closed', 2), standing('open', 2), { kind: 'settled', owner: 'service', epoch: 2 }],
    [
      'fenced',
      standing('fenced', 3, { attempt: 'A' }),
      standing('closed', 1),
      { kind: 'moving', from: 'monolith', epoch: 3, attempt: 'A' },
    ],
    [
      'flipped, and not opened',
      standing('closed', 4, { attempt: 'A' }),
      standing('closed', 1),
      { kind: 'decided', to: 'service', epoch: 4, attempt: 'A' },
    ],
    [
      'an owner that has failed over',
      standing('open', 4, { shut: true, history: '1/2' }),
      standing('closed', 1),
      { kind: 'confirm-open', side: 'monolith', bar: 'service', history: '1/2', epoch: 5 },
    ],
    [
      'an old owner that has forgotten its flip',
      standing('open', 1, { shut: true }),
      standing('open', 2, { attempt: 'A' }),
      { kind: 'confirm-closed', side: 'monolith', epoch: 2, attempt: 'A' },
    ],
    [
      'an old owner that has forgotten that it ever gave ownership away',
      standing('open', 1, { shut: true }),
      standing('closed', 3, { attempt: 'B' }),
      { kind: 'confirm-closed', side: 'monolith', epoch: 1, attempt: null },
    ],
    [
      'a closed side that has failed over, beside a later owner',
      standing('open', 4),
      standing('closed', 1, { shut: true }),
      { kind: 'confirm-closed', side: 'service', epoch: 4, attempt: null },
    ],
    [
      'a closed side that has failed over, and is to be opened',
      standing('closed', 4, { attempt: 'A' }),
      standing('closed', 1, { shut: true }),
      { kind: 'confirm-closed', side: 'service', epoch: 3, attempt: null },
    ],
    ['two owners', standing('open', 4), standing('open', 4), { kind: 'contradiction' }],
    ['none that knows why', standing('closed', 4), standing('closed', 1), { kind: 'contradiction' }],
  ];
  test.each(cases)('%s', (_, monolith, service, decision) => {
    expect(decide({ monolith, service })).toMatchObject(decision);
  });
});
