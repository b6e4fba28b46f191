import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePort } from './free-port.ts';
import { initCluster, serverCall, superuserUrl, untilAccepting } from './postgres.ts';
import { identify } from './process-identity.ts';
import { openRegistry } from './registry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's URL of the test run's PostgreSQL server, database `postgres`. */
    postgresUrl: string;
  }
}

const STOP_WITHIN_MS = 10_000;

/** Starts the one PostgreSQL server of a test run, and removes it afterwards; a run that is killed leaves no server. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-test-'));
  const dataDir = join(folder, 'postgres');
  await initCluster(dataDir, 'test');
  const port = await freePort();
  // What is lost in a power cut does not matter here; what is lost in a crash of a process is lost with or without.
  const call = await serverCall(dataDir, port, {
    fsync: 'off',
    max_replication_slots: '100',
    max_wal_senders: '100',
    max_active_replication_origins: '200',
    max_prepared_transactions: '20',
  });
  const server = spawn(call.command, call.args, { env: call.env, stdio: ['ignore', 'ignore', 'pipe'] });
  const registry = openRegistry(join(folder, 'processes.json'));
  const identity = server.pid === undefined ? undefined : identify(server.pid);
  if (identity) registry.add({ name: 'postgres', ...identity, signal: 'SIGINT', withinMs: STOP_WITHIN_MS });
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk).slice(-4_000);
  });
  const ended = new Promise<void>((done) => server.on('exit', () => done()));
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  await untilAccepting(superuserUrl(port, 'test'), () => (gone ? log : undefined));
  project.provide('postgresUrl', superuserUrl(port, 'test'));
  return async () => {
    server.kill('SIGINT');
    await ended;
    if (identity) registry.remove(identity.pid);
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  };
}
