import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PostgresServer } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';
import { createFaultServers, type FaultServers, prepareTables, SLOT, untilArrived, untilStopped } from './pair.ts';

let servers: FaultServers;
beforeEach(async () => {
  servers = await createFaultServers();
});
afterEach(() => servers.end());

/** A primary with a standby that has its slot of a stream, which runs and has brought its rows over. */
async function withStandby({ synchronised }: { synchronised: boolean }) {
  const empty = await servers.start();
  const primaryPort = empty.port;
  await empty.stop();
  const standbyPort = await servers.copy(empty, 'standby');
  const primary = await servers.start({}, primaryPort);
  const onPrimary = await servers.session(primary);
  await onPrimary.query(`SELECT pg_create_physical_replication_slot('standby', true)`);
  const standby = await servers.start(
    {
      primary_conninfo: primary.url().replace(/^postgres:/, 'postgresql:'),
      primary_slot_name: 'standby',
      hot_standby_feedback: 'on',
      wal_receiver_status_interval: '100ms',
    },
    standbyPort,
  );
  const target = await servers.start();
  const onTarget = await servers.session(target);
  await prepareTables(onPrimary, onTarget);
  const stream = servers.stream(primary, target);
  await untilArrived(onTarget, 10);
  await until(
    () => stream.monitor.status().state,
    (state) => state === 'streaming',
    { withinMs: 30_000 },
  );
  if (synchronised) await untilSynchronised(standby);
  return { primary, standby, target, onPrimary, onTarget, stream };
}

/** What `sync_replication_slots = on` does by itself, now. */
async function untilSynchronised(standby: PostgresServer): Promise<void> {
  const onStandby = await servers.session(standby);
  const look = async () => {
    await onStandby.query('SELECT pg_sync_replication_slots()').catch(() => {});
    const { rows } = await onStandby.query(
      'SELECT synced AND NOT temporary AS synchronised FROM pg_replication_slots WHERE slot_name = $1',
      [SLOT],
    );
    return rows[0]?.synchronised;
  };
  await until(look, (synchronised) => synchronised === true, { withinMs: 60_000, everyMs: 100 });
}

async function untilReplayed(
  primary: { query(sql: string): Promise<{ rows: { lsn: string }[] }> },
  standby: PostgresServer,
) {
  const { rows } = await primary.query('SELECT pg_current_wal_lsn()::text AS lsn');
  const onStandby = await servers.session(standby);
  const look = async () => {
    const replayed = await onStandby.query('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [rows[0]!.lsn]);
    return replayed.rows[0].there;
  };
  await until(look, (there) => there === true, { withinMs: 30_000 });
}

test('a primary dies: the stream goes on from the promoted standby, whose slot came along, and no row is missing', async () => {
  const { primary, standby, target, onPrimary, onTarget, stream } = await withStandby({ synchronised: true });
  await onPrimary.query(`INSERT INTO item SELECT n, 'before' FROM generate_series(100, 199) n`);
  await untilReplayed(onPrimary, standby);
  // The rest of what the primary says is heard by the standby alone.
  await stream.stop();
  await onPrimary.query(`INSERT INTO item VALUES (200, 'last of the primary'); DELETE FROM item WHERE id = 1`);
  await untilReplayed(onPrimary, standby);
  await primary.crash();
  const promoted = await servers.session(standby);
  await promoted.query('SELECT pg_promote()');
  await promoted.query(`INSERT INTO item VALUES (300, 'first of the standby')`);

  const after = servers.stream(standby, target);
  await untilArrived(onTarget, 300);
  const sql = 'SELECT id, name FROM item ORDER BY id';
  expect((await onTarget.query(sql)).rows).toEqual((await promoted.query(sql)).rows);
  expect((await onTarget.query('SELECT timeline FROM strangler.stream')).rows).toEqual([{ timeline: 2 }]);
  expect(after.monitor.status().state).toBe('streaming');
});

test('a standby is promoted that does not have the slot: the stream stops and says so, also when one is made there', async () => {
  const { primary, standby, target, onPrimary, stream } = await withStandby({ synchronised: false });
  await untilReplayed(onPrimary, standby);
  await stream.stop();
  await primary.crash();
  const promoted = await servers.session(standby);
  await promoted.query('SELECT pg_promote()');
  const after = servers.stream(standby, target);
  expect(await untilStopped(after, 'slot-missing')).toContain('did not come along');
  await after.stop();
  await promoted.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [SLOT]);
  expect(await untilStopped(servers.stream(standby, target), 'slot-missing')).toContain('was made there');
});

test('a standby is promoted that is behind the target: the stream stops, as the target has what the source has forgotten', async () => {
  const { primary, standby, target, onPrimary, onTarget, stream } = await withStandby({ synchronised: true });
  await untilReplayed(onPrimary, standby);
  const promoted = await servers.session(standby);
  await promoted.query(`ALTER SYSTEM SET primary_conninfo = ''`);
  await promoted.query('SELECT pg_wal_replay_pause()');
  await onPrimary.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'walreceiver'`,
  );
  await onPrimary.query(`INSERT INTO item VALUES (500, 'seen by the target alone')`);
  await untilArrived(onTarget, 500);
  await stream.stop();
  await primary.crash();
  await promoted.query('SELECT pg_wal_replay_resume()');
  await promoted.query('SELECT pg_promote()');
  expect(await untilStopped(servers.stream(standby, target), 'source-behind')).toContain('forgotten');
});

test('a source that was restored from a backup is behind the target: the stream stops', async () => {
  const source = await servers.start();
  const target = await servers.start();
  const [onSource, onTarget] = [await servers.session(source), await servers.session(target)];
  await prepareTables(onSource, onTarget);
  const stream = servers.stream(source, target);
  await untilArrived(onTarget, 10);
  await stream.stop();
  await source.stop();
  const backup = await servers.copy(source, 'backup');
  const again = await servers.start({}, source.port);
  await (await servers.session(again)).query(`INSERT INTO item SELECT n, 'new' FROM generate_series(20, 5000) n`);
  const second = servers.stream(again, target);
  await untilArrived(onTarget, 5_000);
  await second.stop();
  await again.stop();
  const restored = await servers.start({}, backup);
  expect(await untilStopped(servers.stream(restored, target), 'source-behind')).toContain('set back');
});
