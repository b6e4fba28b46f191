import { afterEach, expect, test } from 'vitest';
import { GuardBusy, installGuard, type Progress, removeGuard } from './install.ts';
import { enforce, fence, readGuard } from './ownership.ts';
import { CAPABILITY, queryOn, stateOf, useGuarded } from './testing/guarded.ts';

const table = (name: string) => ({ schema: 'public', name });

const shop = useGuarded(
  `CREATE TABLE item (id int PRIMARY KEY, price int); INSERT INTO item VALUES (1, 1);
   CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
   CREATE TABLE copied (id int)`,
  { install: false, owned: ['item', 'parted'].map(table), followed: [table('copied')], side: 'service' },
);

/** Everything in the database that is not PostgreSQL's own, with rights, as text. */
async function fingerprint(): Promise<unknown[]> {
  const { rows } = await shop.admin.query(`
    SELECT 'relation ' || c.oid::regclass || ' ' || c.relkind::text || coalesce(c.relacl, acldefault('r', c.relowner))::text AS found
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'strangler') AND c.relname !~ '^pg_toast'
    UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'strangler')
    UNION ALL SELECT 'trigger ' || t.tgname || t.tgrelid::regclass FROM pg_trigger t
    UNION ALL SELECT 'type ' || t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname IN ('public', 'strangler')
    UNION ALL SELECT 'default ' || d::text FROM pg_default_acl d
    UNION ALL SELECT 'schema ' || nspname || has_schema_privilege('${shop.roles.workflow}', oid, 'USAGE') FROM pg_namespace WHERE nspname IN ('public', 'strangler')
    ORDER BY 1`);
  return rows.map(({ found }) => found);
}

const WRITE = 'UPDATE item SET price = price + 1';

afterEach(async () => {
  await removeGuard(shop.query, shop.plan());
});

test('what is removed leaves the database as it was found', async () => {
  const before = await fingerprint();
  await installGuard(shop.query, shop.plan());
  expect(await fingerprint()).not.toEqual(before);
  expect((await shop.admin.query(`SELECT code FROM strangler.guard_faults('catalog')`)).rows).toEqual([]);
  await removeGuard(shop.query, shop.plan());
  expect(await fingerprint()).toEqual(before);
  // Nothing to remove is no fault.
});

test('two capabilities share what is shared, and each goes alone', async () => {
  const before = await fingerprint();
  const plan = { ...shop.plan(), owned: [table('item')], followed: [] };
  const second = { ...shop.plan(), capability: 'order-history', owned: [table('parted')], followed: [] };
  await installGuard(shop.query, plan);
  const between = await fingerprint();
  await installGuard(shop.query, second);
  await enforce(shop.query, 'order-history', 1);
  expect(await stateOf((await shop.session()).query('INSERT INTO parted VALUES (1)'))).toBe('ST001');
  await removeGuard(shop.query, { ...shop.plan(), capability: 'order-history' });
  expect(await fingerprint()).toEqual(between);
  expect((await readGuard(shop.query, CAPABILITY))?.row.state).toBe('closed');
  await removeGuard(shop.query, plan);
  expect(await fingerprint()).toEqual(before);
});

test('installed again, it completes what is missing and changes no decision', async () => {
  await installGuard(shop.query, shop.plan());
  await enforce(shop.query, CAPABILITY, 1);
  await shop.admin.query(`CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)`);
  expect((await shop.admin.query(`SELECT code, found FROM strangler.guard_faults('catalog')`)).rows).toEqual([
    { code: 'trigger-missing', found: 'public.parted_2 has no guard' },
  ]);
  await installGuard(shop.query, shop.plan());
  expect((await shop.admin.query(`SELECT code FROM strangler.guard_faults('catalog')`)).rows).toEqual([]);
  expect((await readGuard(shop.query, CAPABILITY))?.row).toMatchObject({ mode: 'enforce', state: 'closed', epoch: 1 });
});

test('a long transaction on one table delays that table alone, with progress, and gives up in words', async () => {
  const app = await shop.session();
  await app.query('BEGIN');
  await app.query('INSERT INTO parted VALUES (1)');
  const seen: Progress[] = [];
  const failed = await installGuard(shop.query, shop.plan(), {
    attemptsMax: 2,
    progress: (each) => seen.push(each),
  }).catch((error) => error);
  expect(failed).toBeInstanceOf(GuardBusy);
  expect(failed.message).toContain('guard public.parted: another transaction keeps');
  expect(seen.map(({ title, waits }) => `${title} ${waits}`)).toEqual([
    'tables, functions and rights, in the schema strangler 0',
    'guard public.copied 0',
    'guard public.item 0',
    'guard public.parted 0',
    'guard public.parted 1',
  ]);
  await app.query(WRITE);
  await app.query('COMMIT');
  await installGuard(shop.query, shop.plan());
});

test('while it observes, every write passes, and whoever wrote is named and counted', async () => {
  await installGuard(shop.query, shop.plan());
  const [app, job, sync] = [
    await shop.session(),
    await shop.session('app', { application_name: 'nightly-job' }),
    await shop.session('sync'),
  ];
  await app.query(WRITE);
  await app.query(WRITE);
  await app.query('INSERT INTO copied VALUES (1)');
  await sync.query(WRITE);
  // Two of a name at once, neither waits for the other.
  const another = await shop.session('app', { application_name: 'nightly-job' });
  await job.query('INSERT INTO item VALUES (4, 4)');
  await job.query('BEGIN');
  await job.query('INSERT INTO item VALUES (2, 2)');
  await another.query('BEGIN');
  await another.query('INSERT INTO item VALUES (3, 3)');
  await another.query('COMMIT');
  await job.query('COMMIT');
  // A REPEATABLE READ transaction is not failed by a count that has gone on since it began.
  await job.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await job.query('SELECT * FROM item');
  await another.query('DELETE FROM item WHERE id = 3');
  await job.query('DELETE FROM item WHERE id = 2');
  await job.query('COMMIT');
  const { rows } = await shop.admin.query(
    `SELECT relation, database_user = $1 AS app, application_name, writes::int FROM strangler.guard_writers('catalog') ORDER BY 1, 3`,
    [shop.roles.app],
  );
  expect(rows).toEqual([
    { relation: 'public.copied', app: true, application_name: 'app', writes: 1 },
    { relation: 'public.item', app: true, application_name: 'app', writes: 2 },
    { relation: 'public.item', app: true, application_name: 'nightly-job', writes: 5 },
  ]);
  expect(
    await stateOf(fence(shop.query, { capability: CAPABILITY, epoch: 1, attempt: crypto.randomUUID() }, 9_000)),
  ).toBe('ST109');
});

test('the names that are noted are bounded, and a write beyond the bound passes all the same', async () => {
  await installGuard(shop.query, shop.plan());
  await shop.admin.query(
    `INSERT INTO strangler.guard_writer SELECT 'catalog', 'item'::regclass, 'u', i::text FROM generate_series(1, 1000) i`,
  );
  await (await shop.session()).query(WRITE);
  expect((await shop.admin.query('SELECT FROM strangler.guard_writer')).rowCount).toBe(1000);
});

test('a refused write is counted although everything else of it is rolled back', async () => {
  await installGuard(shop.query, shop.plan());
  await enforce(shop.query, CAPABILITY, 1);
  const app = await shop.session();
  for (let round = 0; round < 3; round++) expect(await stateOf(app.query(WRITE))).toBe('ST001');
  expect(await stateOf(app.query('DELETE FROM copied'))).toBe('ST005');
  expect((await readGuard(shop.query, CAPABILITY))?.refused).toBe(4);
});

test('a copy of a table that stays the monolith\u2019s is written by the sync only, whoever the owner is', async () => {
  await installGuard(shop.query, shop.plan());
  await enforce(shop.query, CAPABILITY, 1);
  const [app, sync] = [await shop.session(), await shop.session('sync')];
  for (const state of ['closed', 'open']) {
    await shop.admin.query('UPDATE strangler.guard SET state = $1', [state]);
    expect(await stateOf(app.query('DELETE FROM copied'))).toBe('ST005');
    expect(await stateOf(sync.query('DELETE FROM copied'))).toBeUndefined();
    expect(await stateOf(sync.query('DELETE FROM item WHERE false'))).toBe(state === 'open' ? 'ST003' : undefined);
  }
});

test('the workflow may call functions and nothing else, the application and the sync not even these', async () => {
  await installGuard(shop.query, shop.plan());
  const [app, sync, workflow] = [await shop.session(), await shop.session('sync'), await shop.session('workflow')];
  for (const statement of [
    'SELECT * FROM item',
    'UPDATE strangler.guard SET epoch = 9',
    'SELECT * FROM strangler.guard',
    'INSERT INTO strangler.marker (capability, epoch, kind) VALUES (1, 1, 1)',
    'BEGIN; LOCK TABLE strangler.guard_lock_catalog IN EXCLUSIVE MODE',
    `SELECT strangler.guard_judge('catalog', 'item'::regclass, false)`,
    `SELECT strangler.guard_take('catalog', true)`,
  ]) {
    expect(await stateOf(workflow.query(statement)), statement).toBe('42501');
    await workflow.query('ROLLBACK');
  }
  expect(await readGuard(queryOn(workflow), CAPABILITY)).toMatchObject({ shut: false });
  for (const session of [app, sync]) {
    expect(await stateOf(session.query(`SELECT strangler.guard_enforce('catalog', 1)`))).toBe('42501');
    expect(await stateOf(session.query('UPDATE strangler.guard SET epoch = 9'))).toBe('42501');
    expect(await stateOf(session.query('BEGIN; LOCK TABLE strangler.guard_lock_catalog IN EXCLUSIVE MODE'))).toBe(
      '42501',
    );
    await session.query('ROLLBACK');
  }
  expect((await sync.query('SELECT state FROM strangler.guard')).rows).toEqual([{ state: 'closed' }]);
  const { rows } = await shop.admin.query(
    `SELECT count(*)::int AS functions, count(*) FILTER (WHERE p.prosecdef AND pg_get_userbyid(p.proowner) <> $1)::int AS of_others,
            count(*) FILTER (WHERE coalesce(array_to_string(p.proconfig, ' '), '') !~ 'search_path=pg_catalog, pg_temp')::int AS unpinned
       FROM pg_proc p WHERE p.pronamespace = 'strangler'::regnamespace`,
    [shop.roles.owner],
  );
  expect(rows[0]).toMatchObject({ of_others: 0, unpinned: 0 });
});

test('an object of the application that is named like one of PostgreSQL\u2019s is not taken for it', async () => {
  await installGuard(shop.query, shop.plan());
  await enforce(shop.query, CAPABILITY, 1);
  const app = await shop.session();
  await app.query(`CREATE FUNCTION public.transaction_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::timestamptz';
    CREATE FUNCTION public.session_user() RETURNS text LANGUAGE sql AS 'SELECT ''${shop.roles.sync}''';
    CREATE TEMP TABLE guard (capability text, state text); INSERT INTO guard VALUES ('catalog', 'open');
    SET search_path = pg_temp, public, pg_catalog`);
  expect(await stateOf(app.query(WRITE))).toBe('ST001');
});
