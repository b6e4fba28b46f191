import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { identify, type ProcessIdentity } from './process-identity.ts';

/** A process that has to end when the launcher does, and how to ask it to. */
export interface Registered extends ProcessIdentity {
  readonly name: string;
  readonly signal: NodeJS.Signals;
  readonly withinMs: number;
}

/**
 * The processes that are the launcher's. Known in two places besides its memory: the reaper, which ends them when the
 * launcher is gone, and a file, by which the next launcher ends them should both be gone.
 */
export interface Registry {
  add(process: Registered): void;
  remove(pid: number): void;
  list(): readonly Registered[];
  /** Ends the reaper and removes the file. To be called when nothing is registered any more. */
  close(): Promise<void>;
}

const REAPER = fileURLToPath(new URL('./reaper.ts', import.meta.url));

/** Opens the registry and starts its reaper. `path`: the file. */
export function openRegistry(path: string): Registry {
  const processes = new Map<number, Registered>();
  let closing = false;
  let reaper = startReaper();

  function startReaper(): ChildProcess {
    const child = spawn(process.execPath, [REAPER], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    // Its death shows as `exit`; a write that comes too late for it is repeated to the next one.
    child.stdin?.on('error', () => {});
    child.on('error', () => {});
    child.once('exit', () => {
      if (closing) return;
      reaper = startReaper();
      publish();
    });
    return child;
  }

  function publish(): void {
    const list = [...processes.values()];
    reaper.stdin?.write(`${JSON.stringify(list)}\n`);
    const self = reaper.pid === undefined ? undefined : identify(reaper.pid);
    // The next launcher waits for this reaper's work before it does the rest itself.
    const withReaper = self
      ? [...list, { name: 'reaper', ...self, signal: 'SIGCONT' as const, withinMs: 15_000 }]
      : list;
    writeFileSync(`${path}.new`, `${JSON.stringify(withReaper, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  publish();
  return {
    add(process) {
      processes.set(process.pid, process);
      publish();
    },
    remove(pid) {
      if (processes.delete(pid)) publish();
    },
    list: () => [...processes.values()],
    async close() {
      closing = true;
      const gone = reaper.exitCode === null && reaper.signalCode === null ? once(reaper, 'exit') : undefined;
      reaper.stdin?.end();
      await gone;
      rmSync(path, { force: true });
    },
  };
}

/** What an earlier launcher left in the file; nothing when there is none, or it was cut off by a power failure. */
export function readRegistry(path: string): Registered[] {
  try {
    const list: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
