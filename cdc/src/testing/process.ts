import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ENGINE_ENVIRONMENT } from './engine.ts';
import { type Stores, until } from './stores.ts';

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url));
const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

/** The `cdc` command as a process of its own. Test code only. */
export interface CdcProcess {
  readonly child: ChildProcess;
  output(): string;
  stdout(): string;
  /** Resolves with the exit status, or the signal's name. */
  readonly ended: Promise<number | string>;
}

export function startCdc(stores: Stores, args: readonly string[] = ['run'], env: NodeJS.ProcessEnv = {}): CdcProcess {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: {
      PATH: process.env.PATH,
      TEST_CAPABILITY: stores.capability,
      STRANGLER_MIGRATIONS: MIGRATIONS,
      STRANGLER_DATABASE_MONOLITH: stores.sourceUrl,
      STRANGLER_DATABASE_SERVICE: stores.targetUrl,
      STRANGLER_CDC_HEARTBEAT_MS: '100',
      STRANGLER_CDC_IDLE_MS: '100',
      PORT: '0',
      ...ENGINE_ENVIRONMENT,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout = (stdout + chunk).slice(-100_000);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk).slice(-100_000);
  });
  const ended = new Promise<number | string>((done) => {
    child.on('close', (code, signal) => done(code ?? signal ?? 'unknown'));
  });
  return { child, output: () => output, stdout: () => stdout, ended };
}

/** Resolves once the process has logged this. @throws Error with its output when it ends without. */
export async function untilLogged(process: CdcProcess, text: string): Promise<void> {
  let end: number | string | undefined;
  void process.ended.then((status) => {
    end = status;
  });
  await until(`the process logs ${text}`, () => {
    if (process.output().includes(text)) return true;
    if (end !== undefined) throw new Error(`the process ended (${end}) without "${text}": ${process.output()}`);
    return false;
  });
}
