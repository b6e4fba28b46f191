import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where each part answers, as `npm start -- --json` says. */
export interface StackUrls {
  readonly shop: string;
  readonly monolith: string;
  readonly flags: string;
  readonly catalog: string;
  readonly proxy_admin: string;
  readonly cdc: string;
}

/** The whole system, started by the real launcher, on ports and state of its own. */
export interface RunningStack {
  readonly urls: StackUrls;
  readonly flagsUser: string;
  readonly flagsPassword: string;
  /** For Unleash's admin API, and for its backend client API. */
  readonly unleashAdminToken: string;
  readonly unleashClientToken: string;
  /** Connection URLs. */
  readonly databases: { readonly monolith: string; readonly catalog: string };
  /** Parts that are not essential and were not ready yet when all the rest was. */
  readonly notReady: readonly string[];
  readonly state: string;
  readonly portBase: number;
  /** The launcher's own process, and what it has printed on stderr. */
  readonly launcher: ChildProcess;
  readonly output: () => string;
  /** The environment with which commands (`npx cdc status`) find this system. */
  readonly env: NodeJS.ProcessEnv;
  /** The process id of a part, as it is now; `undefined` while it is down. */
  pid(part: string): Promise<number | undefined>;
  /** Kills a part with SIGKILL; the launcher will start it again. Answers with the dead process's id. */
  kill(part: string): Promise<number>;
  /** Stops everything as Ctrl-C does, and answers with the exit status. Removes the state unless it was given or is to be kept. */
  stop(options?: { readonly keepState?: boolean }): Promise<number | null>;
}

export interface StackOptions {
  /** An existing state folder; a temporary one by default, that is removed at the end. */
  readonly state?: string;
  readonly portBase?: number;
  /** Further environment variables for the launcher. */
  readonly env?: NodeJS.ProcessEnv;
  /** Who runs it; the caller by default. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START = join(ROOT, 'stack/src/start.ts');
/** Less than a hook may take, so that the launcher's own words are what a failed test shows. */
const READY_WITHIN_MS = 100_000;
const OUTPUT_LENGTH_MAX = 100_000;

/** Starts the system and resolves when it is ready. @throws Error with the launcher's output when it is not. */
export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const state = options.state ?? (await mkdtemp(join(tmpdir(), 'strangler-stack-')));
  const portBase = options.portBase ?? (await freePortBase());
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    STRANGLER_STATE: state,
    STRANGLER_PORT_BASE: String(portBase),
    NO_COLOR: '1',
    ...options.env,
  };
  const removeState = async () => {
    if (options.state === undefined) await rm(state, { recursive: true, force: true });
  };
  const { launcher, output, ready } = await launch(env, options.account ?? {}).catch(async (error) => {
    await removeState();
    throw error;
  });
  const file = JSON.parse(await readFile(join(state, 'stack.json'), 'utf8'));
  const pid = async (part: string) => {
    const { pids } = JSON.parse(await readFile(join(state, 'stack.json'), 'utf8'));
    const found: number | undefined = pids[part];
    return found !== undefined && isRunning(found) ? found : undefined;
  };
  return {
    urls: ready.urls,
    flagsUser: ready.flags_user,
    flagsPassword: ready.flags_password,
    databases: ready.databases,
    unleashAdminToken: file.unleash_admin_token,
    unleashClientToken: file.unleash_client_token,
    notReady: ready.not_ready,
    state,
    portBase,
    launcher,
    output,
    env,
    pid,
    kill: async (part) => {
      const victim = await pid(part);
      if (victim === undefined) throw new Error(`${part} does not run`);
      process.kill(victim, 'SIGKILL');
      return victim;
    },
    stop: async ({ keepState = false } = {}) => {
      if (launcher.exitCode === null && launcher.signalCode === null) {
        launcher.kill('SIGTERM');
        await once(launcher, 'exit');
      }
      if (!keepState) await removeState();
      return launcher.exitCode;
    },
  };
}

/** Runs the launcher until it says that all is ready. */
async function launch(env: NodeJS.ProcessEnv, account: { uid?: number; gid?: number }) {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const launcher = spawn(process.execPath, [START, '--json'], { cwd: ROOT, env, stdio, ...account });
  let text = '';
  launcher.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-OUTPUT_LENGTH_MAX);
  });
  const output = () => text;
  const line = new Promise<string>((done) => createInterface({ input: launcher.stdout }).once('line', done));
  const exited = once(launcher, 'exit');
  const deadline = setTimeout(() => launcher.kill('SIGTERM'), READY_WITHIN_MS);
  const first = await Promise.race([line, exited]);
  clearTimeout(deadline);
  if (typeof first !== 'string') throw new Error(`The system did not become ready:\n${output()}`);
  return { launcher, output, ready: JSON.parse(first) };
}

/** Whether a process with this id runs, be it another user's. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !isZombie(pid);
}

/** Dead, and still in the list: where the first process is no init (npm in a container), nobody waits for orphans. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    return false;
  }
}

/** A port whose next eleven neighbours were free a moment ago too. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    // Below the range from which the system hands out ports for outgoing connections (32768 on Linux).
    const base = 10_000 + Math.floor(Math.random() * 1_800) * 12;
    const free = await Promise.all(Array.from({ length: 12 }, (_, offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('Found no twelve free ports in a row');
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
