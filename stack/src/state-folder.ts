import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** The project's own folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where everything lies that the launcher keeps. */
export interface StateFolder {
  readonly path: string;
  readonly logs: string;
  /** Passwords and tokens, made at the first start. */
  readonly credentials: string;
  /** Who runs on this folder. */
  readonly lock: string;
  /** The processes of the running launcher, for the next one to end should this one die. */
  readonly processes: string;
  /** Addresses and tokens of the running system, for commands and people; gone when it is stopped. */
  readonly stack: string;
  /** The data directories of the PostgreSQL clusters. */
  readonly postgresMonolith: string;
  readonly postgresServices: string;
  /** What the proxy keeps: the flags as it last saw them. */
  readonly proxy: string;
  /** Everything that launchers make in the folder. */
  readonly entries: readonly string[];
}

/** The state folder that `STRANGLER_STATE` names, `.strangler` in the project's folder by default. */
export function stateFolder(wanted = process.env.STRANGLER_STATE || '.strangler'): StateFolder {
  // npm runs scripts in the project's folder and says where the person was.
  const path = isAbsolute(wanted) ? wanted : resolve(process.env.STRANGLER_STATE ? callersFolder() : ROOT, wanted);
  const places = {
    logs: join(path, 'logs'),
    credentials: join(path, 'credentials.json'),
    lock: join(path, 'launcher.json'),
    processes: join(path, 'processes.json'),
    stack: join(path, 'stack.json'),
    postgresMonolith: join(path, 'postgres-monolith'),
    postgresServices: join(path, 'postgres-services'),
    proxy: join(path, 'proxy'),
  };
  return { path, ...places, entries: Object.values(places) };
}

function callersFolder(): string {
  return process.env.INIT_CWD ?? process.cwd();
}

/** Who holds the folder now; `undefined` when nobody does, or the launcher that did is dead. */
export function lockHolder(folder: StateFolder): ProcessIdentity | undefined {
  const holder = readLock(folder.lock);
  return holder && isAlive(holder) ? holder : undefined;
}

/** Takes the folder for this process. Answers with the process that has it already, if one does. */
export function takeLock(folder: StateFolder): ProcessIdentity | undefined {
  const self = identify(process.pid);
  const mine = `${folder.lock}.${process.pid}`;
  mkdirSync(folder.path, { recursive: true, mode: 0o755 });
  writeFileSync(mine, JSON.stringify(self), { mode: 0o600 });
  try {
    for (;;) {
      // link(2) fails when the name is taken, and the file is never seen half written.
      try {
        linkSync(mine, folder.lock);
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = lockHolder(folder);
      if (holder) return holder;
      moveAway(folder.lock);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes a dead launcher's lock, unless another launcher has put its own there in the meantime. */
function moveAway(lock: string): void {
  const aside = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readLock(aside);
  if (moved && isAlive(moved)) linkSync(aside, lock);
  rmSync(aside);
}

/** Gives the folder back. */
export function releaseLock(folder: StateFolder): void {
  rmSync(folder.lock, { force: true });
}

function readLock(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Writes a file that only its owner reads, whole or not at all. */
export function writePrivate(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
