import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../../support/running-stack.ts';

const CLI = join(ROOT, 'cdc/src/cli.ts');
const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));
const OUTPUT_LENGTH_MAX = 20_000;

/** The real `cdc run`, which is killed and started again and again. */
export interface CdcProcess {
  /** Starts it unless it runs. `failpoint`: the place at which it shall kill itself. */
  start(failpoint?: string): void;
  /** `kill -9`, if it still runs. */
  kill(): Promise<void>;
  /** Whether it has ended within this time. */
  endedWithin(ms: number): Promise<boolean>;
  /** SIGTERM; answers with the exit status, or the signal's name. */
  stop(): Promise<number | string>;
  /** Ends that nobody had asked for. */
  gaveUp(): readonly string[];
  /** How often it was killed, by us or by itself. */
  kills(): number;
  /** What it printed last. */
  output(): string;
}

/** @param engine What chooses the engine. */
export function createCdcProcess(
  capability: string,
  sourceUrl: string,
  targetUrl: string,
  engine: NodeJS.ProcessEnv,
): CdcProcess {
  let child: ChildProcess | undefined;
  let ended: Promise<number | string> = Promise.resolve('never started');
  let kills = 0;
  let stopping = false;
  const gaveUp: string[] = [];
  let output = '';

  const endedWithin = async (ms: number) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((done) => {
      timer = setTimeout(() => done(false), ms);
    });
    const inTime = await Promise.race([ended.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
  };

  return {
    start(failpoint) {
      if (child) return;
      const started = spawn(process.execPath, [CLI, 'run'], {
        env: {
          PATH: process.env.PATH,
          PORT: '0',
          LOG_LEVEL: 'info',
          DRILL_CAPABILITY: capability,
          STRANGLER_MIGRATIONS: MIGRATIONS,
          STRANGLER_DATABASE_MONOLITH: sourceUrl,
          STRANGLER_DATABASE_SERVICE: targetUrl,
          STRANGLER_CDC_HEARTBEAT_MS: '100',
          STRANGLER_CDC_IDLE_MS: '100',
          // Small, so that the socket is paused and a transaction arrives in pieces.
          STRANGLER_CDC_QUEUE_MIB: '1',
          STRANGLER_CDC_BATCH_ROWS: '500',
          ...engine,
          ...(failpoint ? { STRANGLER_CDC_FAILPOINT: failpoint } : {}),
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      started.stderr!.on('data', (chunk: Buffer) => {
        output = (output + chunk).slice(-OUTPUT_LENGTH_MAX);
      });
      child = started;
      ended = new Promise((done) => {
        started.on('close', (code, signal) => {
          child = undefined;
          if (signal === 'SIGKILL') kills++;
          else if (!stopping) gaveUp.push(`cdc ended by itself (${signal ?? code}): ${output.slice(-2_000)}`);
          done(signal ?? code ?? 'unknown');
        });
      });
    },
    async kill() {
      child?.kill('SIGKILL');
      await ended;
    },
    endedWithin,
    async stop() {
      stopping = true;
      child?.kill('SIGTERM');
      return (await endedWithin(20_000)) ? ended : 'still running after 20 s';
    },
    gaveUp: () => gaveUp,
    kills: () => kills,
    output: () => output,
  };
}
