import { spawn } from 'node:child_process';
import type { LogFile } from './log-file.ts';
import type { ProgramCall } from './postgres.ts';
import { identify, type ProcessIdentity, signalGroup } from './process-identity.ts';

/** A running process of a part. */
export interface PartProcess {
  readonly identity: ProcessIdentity;
  /** Resolves when it has ended, with why: `exit status 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<{ readonly why: string; readonly ok: boolean }>;
  /** Whether it has not ended yet. */
  readonly running: () => boolean;
  /** The last lines that it printed. */
  readonly lastLines: () => readonly string[];
  readonly signal: (signal: NodeJS.Signals) => void;
}

const LAST_LINES_MAX = 20;
const LINE_LENGTH_MAX = 4_096;
const LAST_WORDS_MS = 500;

/**
 * Starts a program in a process group of its own, so that a Ctrl-C at the terminal reaches the launcher alone.
 *
 * @throws Error when the program cannot be started at all.
 */
export async function startProcess(
  call: ProgramCall,
  log: LogFile,
  onLine: (line: string) => void,
): Promise<PartProcess> {
  const child = spawn(call.command, call.args, { env: call.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let running = true;
  const ended = new Promise<{ why: string; ok: boolean }>((done) => {
    child.once('exit', (code, signal) => {
      running = false;
      const finish = () => done({ why: signal ?? `exit status ${code}`, ok: code === 0 });
      // Its last words come before `close`; but a grandchild that keeps the pipe open must not keep us waiting.
      child.once('close', finish);
      setTimeout(finish, LAST_WORDS_MS).unref();
    });
  });
  if (child.pid === undefined) {
    const [error] = await new Promise<[Error]>((done) => child.once('error', (...args) => done(args)));
    throw new Error(`${call.command} cannot be started: ${error.message}`);
  }
  child.on('error', () => {});
  // A process that has ended already cannot be found any more; it is never signalled either.
  const identity = identify(child.pid) ?? { pid: child.pid, startedAt: 'gone' };

  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log.write(chunk);
      const parts = (rest + chunk).split('\n');
      rest = (parts.pop() ?? '').slice(-LINE_LENGTH_MAX);
      for (const line of parts) {
        lines.push(line);
        if (lines.length > LAST_LINES_MAX) lines.shift();
        onLine(line);
      }
    });
  }
  return {
    identity,
    ended,
    running: () => running,
    lastLines: () => lines,
    signal: (signal) => {
      if (running) signalGroup(identity, signal);
    },
  };
}
