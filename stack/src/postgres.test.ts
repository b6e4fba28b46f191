import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { initCluster } from './postgres.ts';
import { createDatabase } from './testing.ts';

test('the server that npm carries speaks logical replication', async () => {
  const database = await createDatabase('stack');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SHOW wal_level');
  await client.end();
  await database.drop();
  expect(rows).toEqual([{ wal_level: 'logical' }]);
});

test('a cluster is made in its folder alone, and what a killed process left half made there is removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-cluster-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'cluster.initialising.a1b2c3/cluster'), { recursive: true });
  await mkdir(join(folder, 'cluster-of-somebody'));
  // The password of the superuser has no business in a folder that all users share.
  vi.stubEnv('TMPDIR', join(folder, 'nowhere'));
  onTestFinished(() => void vi.unstubAllEnvs());
  await initCluster(join(folder, 'cluster'), 'secret');
  expect(await readdir(folder)).toEqual(['cluster', 'cluster-of-somebody']);
});
