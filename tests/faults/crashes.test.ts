import { embeddedEngine, examine } from 'strangler-cdc';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { createFaultServers, type FaultServers, MIGRATION, prepareTables, SLOT, untilArrived } from './pair.ts';

let servers: FaultServers;
beforeEach(async () => {
  servers = await createFaultServers();
});
afterEach(() => servers.end());

const ITEMS = 'SELECT id, name FROM item ORDER BY id';

test('a target that commits before it has flushed, and crashes: nothing is lost that was acknowledged', async () => {
  const source = await servers.start();
  const target = await servers.start({ synchronous_commit: 'off', wal_writer_delay: '10s' });
  const [onSource, onTarget] = [await servers.session(source), await servers.session(target)];
  await prepareTables(onSource, onTarget);
  await onTarget.query(`
    CREATE FUNCTION hasty() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM set_config('synchronous_commit', 'off', true); RETURN NULL; END $$;
    CREATE TRIGGER hasty AFTER INSERT ON item EXECUTE FUNCTION hasty();
    ALTER TABLE item ENABLE ALWAYS TRIGGER hasty; CHECKPOINT`);
  const stream = servers.stream(source, target, { heartbeatMs: 3_600_000, idleMs: 3_600_000 });
  await untilArrived(onTarget, 10);
  await onSource.query(`INSERT INTO item SELECT n, 'acknowledged' FROM generate_series(100, 199) n`);
  const { rows } = await onSource.query('SELECT pg_current_wal_lsn()::text AS lsn');
  const confirmed = async () => {
    const slot = await onSource.query(
      'SELECT confirmed_flush_lsn >= $2::pg_lsn AS there FROM pg_replication_slots WHERE slot_name = $1',
      [SLOT, rows[0].lsn],
    );
    return slot.rows[0].there as boolean;
  };
  await until(confirmed, (there) => there, { withinMs: 30_000, everyMs: 1 });
  await target.restart('immediate');
  await stream.stop();
  expect((await (await servers.session(target)).query(ITEMS)).rows).toHaveLength(110);
});

test('either server crashes, in the load and in the stream: in the end both have the same rows', async () => {
  const source = await servers.start();
  const target = await servers.start();
  const [setUp, setUpTarget] = [await servers.session(source), await servers.session(target)];
  await prepareTables(setUp, setUpTarget);
  await setUp.query(`INSERT INTO item SELECT n, repeat('x', 100) FROM generate_series(1000, 150000) n`);
  const stream = servers.stream(source, target);
  const inLoad = () =>
    until(
      () => stream.monitor.status().load?.rows ?? 0,
      (rows) => rows > 0,
      { withinMs: 60_000, everyMs: 1 },
    );
  await inLoad();
  await source.restart('immediate');
  await inLoad();
  await target.restart('immediate');
  await untilArrived(await servers.session(target), 150_000);
  for (const [round, server] of [source, target, source, target].entries()) {
    const writer = await servers.session(source);
    const base = 200_000 + round * 1_000;
    const writes = writer.query(`INSERT INTO item SELECT n, 'streamed' FROM generate_series(${base}, ${base + 999}) n;
      UPDATE item SET name = 'changed ${round}' WHERE id < 2000`);
    await Promise.all([writes.catch(() => {}), server.restart('immediate')]);
  }
  const [onSource, onTarget] = [await servers.session(source), await servers.session(target)];
  await onSource.query(`INSERT INTO item VALUES (900000, 'last')`);
  await untilArrived(onTarget, 900_000);
  const [sent, found] = [await onSource.query(ITEMS), await onTarget.query(ITEMS)];
  expect(found.rows.length).toBe(sent.rows.length);
  expect(found.rows).toEqual(sent.rows);
});

test('the source hides a commit that waits for its standby, and the target has it: unless the slot of that standby is named', async () => {
  const source = await servers.start();
  const target = await servers.start();
  const [onSource, onTarget, reader] = [
    await servers.session(source),
    await servers.session(target),
    await servers.session(source),
  ];
  await prepareTables(onSource, onTarget);
  servers.stream(source, target);
  await untilArrived(onTarget, 10);
  const doctor = async () => {
    const checks = await examine(
      { migration: MIGRATION, sourceUrl: source.url(), targetUrl: target.url() },
      embeddedEngine,
    );
    return checks.find((check) => check.side === 'monolith' && check.name === 'synchronized_standby_slots');
  };
  expect(await doctor()).toBeUndefined();
  await reader.query(`SELECT pg_create_physical_replication_slot('standby', true)`);
  await reader.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
  await reader.query('SELECT pg_reload_conf()');
  await until(
    async () => (await reader.query('SHOW synchronous_standby_names')).rows[0].synchronous_standby_names as string,
    (names) => names === 'nobody',
    { withinMs: 10_000 },
  );
  const waiting = onSource.query(`INSERT INTO item VALUES (600, 'hidden')`);
  await untilArrived(onTarget, 600);
  expect((await reader.query('SELECT FROM item WHERE id = 600')).rowCount).toBe(0);
  expect(await doctor()).toMatchObject({ outcome: 'hint', mend: expect.stringContaining(`'standby'`) });

  await reader.query((await doctor())!.mend!.split(';')[0]!);
  await reader.query('SELECT pg_reload_conf()');
  await until(doctor, (check) => check?.outcome === 'ok', { withinMs: 10_000 });
  const second = await servers.session(source);
  const alsoWaiting = second.query(`INSERT INTO item VALUES (601, 'held back')`);
  const held = async () => {
    const { rowCount } = await reader.query(
      `SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'WaitForStandbyConfirmation'`,
    );
    return rowCount! > 0;
  };
  await until(held, (waits) => waits, { withinMs: 30_000 });
  expect((await onTarget.query('SELECT FROM item WHERE id = 601')).rowCount).toBe(0);

  for (const name of ['synchronous_standby_names', 'synchronized_standby_slots']) {
    await reader.query(`ALTER SYSTEM RESET ${name}`);
  }
  await reader.query('SELECT pg_reload_conf()');
  await Promise.all([waiting, alsoWaiting]);
  await untilArrived(onTarget, 601);
});
