import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Attempt, fence, flip, open, readGuard, undo } from './ownership.ts';
import { CAPABILITY, queryOn, stateOf, untilWaiting, useGuarded } from './testing/guarded.ts';

const shop = useGuarded('CREATE TABLE item (id int PRIMARY KEY, price int); INSERT INTO item VALUES (1, 1)');

const WRITE = 'UPDATE item SET price = price + 1';
const markers = async (attempt: string) =>
  (
    await shop.admin.query('SELECT kind, epoch::int FROM strangler.marker WHERE attempt = $1 ORDER BY id', [attempt])
  ).rows.map(({ kind, epoch }) => `${kind} ${epoch}`);

let epoch: number;
const attempted = (): Attempt => ({ capability: CAPABILITY, epoch, attempt: randomUUID() });
/** Lets the deadline of the fence pass. */
const expire = () => shop.admin.query('UPDATE strangler.guard SET deadline = clock_timestamp()');

beforeEach(async () => {
  // An administrator puts the row back, whatever the last test did.
  const { rows } = await shop.admin.query(
    `UPDATE strangler.guard SET state = 'open', epoch = epoch + 10, attempt = NULL, deadline = NULL, opened_at = NULL, retired_at = NULL RETURNING epoch::int`,
  );
  epoch = rows[0].epoch;
});

test('a fence that has to wait for a writer gives up after 150 ms, and the writers behind it go on', async () => {
  const [slow, other, workflow] = [await shop.session(), await shop.session(), await shop.session('workflow')];
  await slow.query('BEGIN');
  await slow.query(WRITE);
  const fencing = stateOf(fence(queryOn(workflow), attempted(), 10_000));
  await untilWaiting(shop, workflow);
  // It waits behind the fence, and for its own row behind the slow writer.
  const behind = other.query('INSERT INTO item VALUES (2, 2) ON CONFLICT DO NOTHING');
  expect(await fencing).toBe('55P03');
  await behind;
  await slow.query('COMMIT');
  expect((await readGuard(shop.query, CAPABILITY))?.row).toMatchObject({ state: 'open', epoch });
  // Seconds would end in the same error, and nobody would see the shop stand still.
  const { rows } = await shop.admin.query(
    `SELECT proname FROM pg_proc WHERE 'lock_timeout=150ms' = ANY (proconfig) AND pronamespace = 'strangler'::regnamespace ORDER BY 1`,
  );
  expect(rows.map(({ proname }) => proname)).toEqual(
    ['enforce', 'fence', 'flip', 'open', 'retire'].map((name) => `guard_${name}`),
  );
});

test('a prepared transaction that has written keeps the fence out, and is named', async () => {
  const app = await shop.session();
  await app.query('BEGIN');
  await app.query(WRITE);
  const { rows: blockers } = await shop.admin.query(`SELECT * FROM strangler.guard_blockers('catalog', '0 s')`);
  expect(blockers).toEqual([
    expect.objectContaining({ database_user: shop.roles.app, application_name: 'app', holds_lock: true }),
  ]);
  const id = randomUUID();
  await app.query(`PREPARE TRANSACTION '${id}'`);
  try {
    expect(await stateOf(fence(shop.query, attempted(), 10_000))).toBe('55P03');
    const { rows } = await shop.admin.query(`SELECT prepared, holds_lock FROM strangler.guard_blockers('catalog')`);
    expect(rows).toEqual([{ prepared: id, holds_lock: true }]);
  } finally {
    await app.query(`COMMIT PREPARED '${id}'`);
  }
  await fence(shop.query, attempted(), 10_000);
});

describe('a fence whose workflow has died', () => {
  test('holds until its deadline, and then the shop goes on by itself', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 60_000);
    const app = await shop.session();
    expect(await stateOf(app.query(WRITE))).toBe('ST002');
    // What is left of the minute, in less time.
    await shop.admin.query(`UPDATE strangler.guard SET deadline = clock_timestamp() + interval '200 ms'`);
    await expect.poll(() => stateOf(app.query(WRITE)), { timeout: 10_000 }).toBeUndefined();
    expect(await readGuard(shop.query, CAPABILITY)).toMatchObject({ pastDeadline: true, row: { state: 'fenced' } });
  });

  test('can never flip once a writer has passed it, even if the clock is set back', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 10_000);
    await expire();
    const app = await shop.session();
    await app.query(WRITE);
    expect(await stateOf(flip(shop.query, attempt, 0))).toBe('ST102');
    await shop.admin.query(`UPDATE strangler.guard SET deadline = clock_timestamp() + interval '1 h'`);
    expect(await stateOf(flip(shop.query, attempt, 0))).toBe('ST102');
    expect(await undo(shop.query, attempt)).toMatchObject({ state: 'open', epoch: epoch + 1 });
  });

  test('is told to the stream ahead of the first row that passes it, once per transaction', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 10_000);
    await expire();
    const app = await shop.session();
    await app.query('BEGIN');
    await app.query(WRITE);
    await app.query('SAVEPOINT s');
    await app.query(WRITE);
    await app.query('ROLLBACK TO s');
    await app.query(WRITE);
    await app.query('COMMIT');
    expect(await markers(attempt.attempt)).toEqual([`fence ${epoch}`, `open ${epoch}`]);
    await undo(shop.query, attempt);
    expect(await markers(attempt.attempt)).toEqual([`fence ${epoch}`, `open ${epoch}`, `open ${epoch + 1}`]);
  });

  test('does not wait for the writers that pass it to be undone, and they do not fail', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 10_000);
    await expire();
    const app = await shop.session();
    await app.query('BEGIN');
    await app.query(WRITE);
    await undo(shop.query, attempt);
    await app.query(WRITE);
    await app.query('COMMIT');
    expect(await stateOf(flip(shop.query, attempt, 0))).toBe('ST101');
  });

  test('whose flip waits for a writer that passed it does not flip', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 10_000);
    await expire();
    const [app, workflow] = [await shop.session(), await shop.session('workflow')];
    await app.query('BEGIN');
    await app.query(WRITE);
    // As if the clock had been set back meanwhile: only the lock and the marker stand in the way now.
    await shop.admin.query(`UPDATE strangler.guard SET deadline = clock_timestamp() + interval '1 h'`);
    const flipping = stateOf(flip(queryOn(workflow), attempt, 0));
    await untilWaiting(shop, workflow);
    await app.query('COMMIT');
    expect(['ST102', '55P03']).toContain(await flipping);
    expect(await stateOf(flip(shop.query, attempt, 0))).toBe('ST102');
  });
});

test('a flip within the margin of the deadline is too late', async () => {
  const attempt = attempted();
  await fence(shop.query, attempt, 60_000);
  expect(await stateOf(flip(shop.query, attempt, 61_000))).toBe('ST102');
  await flip(shop.query, attempt, 1_000);
});

describe('two that decide at once', () => {
  test('an undo while a flip is in flight: the flip wins, and the undo is told', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 60_000);
    const [flipping, undoing] = [await shop.session('admin'), await shop.session('workflow')];
    await flipping.query('BEGIN');
    await flipping.query(`SELECT strangler.guard_flip($1, $2, $3, '1 s')`, [CAPABILITY, epoch, attempt.attempt]);
    const undone = stateOf(undo(queryOn(undoing), attempt));
    await untilWaiting(shop, undoing);
    await flipping.query('COMMIT');
    expect(await undone).toBe('ST101');
    expect((await readGuard(shop.query, CAPABILITY))?.row).toMatchObject({ state: 'closed', epoch: epoch + 1 });
  });

  test('a flip while an undo is in flight: the undo wins, and the flip is told', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 60_000);
    const [undoing, flipping] = [await shop.session('admin'), await shop.session('workflow')];
    await undoing.query('BEGIN');
    await undoing.query('SELECT strangler.guard_undo($1, $2, $3)', [CAPABILITY, epoch, attempt.attempt]);
    const flipped = stateOf(flip(queryOn(flipping), attempt, 0));
    await untilWaiting(shop, flipping);
    await undoing.query('COMMIT');
    expect(['ST101', '55P03']).toContain(await flipped);
    expect(await stateOf(flip(shop.query, attempt, 0))).toBe('ST101');
    expect((await readGuard(shop.query, CAPABILITY))?.row).toMatchObject({ state: 'open', epoch: epoch + 1 });
  });

  test('twenty rounds of both at once always leave one of the two', async () => {
    const [one, other] = [queryOn(await shop.session('workflow')), queryOn(await shop.session('workflow'))];
    for (let round = 0; round < 20; round++) {
      const attempt = attempted();
      await fence(shop.query, attempt, 60_000);
      const results = await Promise.all([stateOf(flip(one, attempt, 0)), stateOf(undo(other, attempt))]);
      const row = (await readGuard(shop.query, CAPABILITY))!.row;
      expect(row.epoch).toBe(epoch + 1);
      expect(results).toContain(undefined);
      expect(results).toContain(row.state === 'closed' ? 'ST101' : results[0]);
      await shop.admin.query(`UPDATE strangler.guard SET state = 'open'`);
      epoch = row.epoch;
    }
  });

  test('two attempts at once: one fence stands, the other is told', async () => {
    const [one, other] = [queryOn(await shop.session('workflow')), queryOn(await shop.session('workflow'))];
    const results = await Promise.all([
      stateOf(fence(one, attempted(), 9_000)),
      stateOf(fence(other, attempted(), 9_000)),
    ]);
    expect(results.toSorted()).toEqual(['ST101', undefined]);
  });
});

test('an attempt neither flips nor undoes what another one has fenced', async () => {
  const [mine, other] = [attempted(), attempted()];
  await fence(shop.query, mine, 60_000);
  expect(await stateOf(flip(shop.query, other, 0))).toBe('ST101');
  expect(await stateOf(undo(shop.query, other))).toBe('ST101');
  expect((await readGuard(shop.query, CAPABILITY))?.row).toMatchObject({ state: 'fenced', attempt: mine.attempt });
});

describe('a call whose outcome is unknown', () => {
  test('is made again, and gives the row as it is, without deciding twice', async () => {
    const attempt = attempted();
    const fenced = await fence(shop.query, attempt, 60_000);
    expect(await fence(shop.query, attempt, 60_000)).toEqual(fenced);
    const flipped = await flip(shop.query, attempt, 0);
    expect(await flip(shop.query, attempt, 0)).toEqual(flipped);
    expect(await stateOf(undo(shop.query, attempt)), 'undo before the flip, forward after it').toBe('ST101');
    expect(await markers(attempt.attempt)).toEqual([`fence ${epoch}`]);
  });

  test('of an attempt that was undone cannot be revived', async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 60_000);
    const undone = await undo(shop.query, attempt);
    expect(await undo(shop.query, attempt)).toEqual(undone);
    expect(await stateOf(fence(shop.query, attempt, 60_000))).toBe('ST101');
    expect(await stateOf(fence(shop.query, { ...attempt, epoch: epoch + 1 }, 60_000))).toBe('ST101');
  });
});

describe('opening', () => {
  const close = async () => {
    const attempt = attempted();
    await fence(shop.query, attempt, 60_000);
    await flip(shop.query, attempt, 0);
    return attempt;
  };
  const applied = (attempt: string, markerEpoch: number, direction = 'reverse') =>
    shop.admin.query('INSERT INTO strangler.stream_marker VALUES ($1, $2, $3, $4, $5)', [
      CAPABILITY,
      direction,
      'fence',
      markerEpoch,
      attempt,
    ]);

  test('needs the fence marker of this attempt, of the epoch before, from the other side, in its own ledger', async () => {
    await close();
    const back = { capability: CAPABILITY, epoch: epoch + 2, attempt: randomUUID() };
    expect(await stateOf(open(shop.query, back))).toBe('ST103');
    await applied(randomUUID(), epoch + 1);
    await applied(back.attempt, epoch);
    await applied(back.attempt, epoch + 1, 'forward');
    expect(await stateOf(open(shop.query, back))).toBe('ST103');
    await applied(back.attempt, epoch + 1);
    expect(await open(shop.query, back)).toMatchObject({ state: 'open', epoch: epoch + 2 });
    expect(await open(shop.query, back)).toMatchObject({ state: 'open', epoch: epoch + 2 });
    expect(await markers(back.attempt)).toEqual([`open ${epoch + 2}`]);
  });

  test('waits for the sync that is writing, and ends its right to write', async () => {
    await close();
    const back = { capability: CAPABILITY, epoch: epoch + 2, attempt: randomUUID() };
    await applied(back.attempt, epoch + 1);
    const sync = await shop.session('sync');
    await sync.query('BEGIN');
    await sync.query('SET LOCAL session_replication_role = replica');
    await sync.query(WRITE);
    expect(await stateOf(open(shop.query, back))).toBe('55P03');
    await sync.query('COMMIT');
    await open(shop.query, back);
    await sync.query('BEGIN');
    await sync.query('SET LOCAL session_replication_role = replica');
    expect(await stateOf(sync.query(WRITE)), 'a parked event, replayed after the flip').toBe('ST003');
    await sync.query('ROLLBACK');
  });

  test('with an epoch that this side has already had is refused', async () => {
    await close();
    const back = { capability: CAPABILITY, epoch: epoch + 1, attempt: randomUUID() };
    await applied(back.attempt, epoch);
    expect(await stateOf(open(shop.query, back))).toBe('ST101');
  });
});

test('the decision is durable although the session does not wait for the disk', async () => {
  const workflow = await shop.session('workflow');
  await workflow.query('SET synchronous_commit = off');
  await workflow.query('BEGIN');
  await fence(queryOn(workflow), attempted(), 9_000);
  const { rows } = await workflow.query('SHOW synchronous_commit');
  expect(rows[0].synchronous_commit).toBe('on');
  await workflow.query('COMMIT');
  expect((await workflow.query('SHOW synchronous_commit')).rows[0].synchronous_commit).toBe('off');
});

test('under REPEATABLE READ the row is not changed: the caller would have read it before it waited', async () => {
  const workflow = await shop.session('workflow');
  await workflow.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  expect(await stateOf(fence(queryOn(workflow), attempted(), 9_000))).toBe('ST108');
  await workflow.query('ROLLBACK');
});

test('a fence without an attempt, or that would hold for hours, is none', async () => {
  expect(await stateOf(fence(shop.query, attempted(), 3_600_000))).toBe('22023');
  expect(await stateOf(fence(shop.query, attempted(), 0))).toBe('22023');
});

test('what is retired does not move any more', async () => {
  await shop.admin.query('UPDATE strangler.guard SET retired_at = now()');
  expect(await stateOf(fence(shop.query, attempted(), 9_000))).toBe('ST107');
});
