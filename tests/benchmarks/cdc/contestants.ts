import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../../support/running-stack.ts';
import { until } from '../../support/until.ts';
import { cpuMicroseconds } from '../proxy/processes.ts';
import { run, type Stores, untilFound } from './stores.ts';

/** Who brings the source's changes to a target of its own. */
export interface Contestant {
  readonly name: 'ours' | 'native';
  readonly targetUrl: string;
  /** What its rows are called there. */
  readonly table: { readonly name: string; readonly key: string };
  /** Begins, or goes on. Resolves as soon as the source sends to it. */
  start(): Promise<void>;
  /** Ends in order: what it has applied it has acknowledged. */
  stop(): Promise<void>;
  /** Processor time that its processes have used since they began, in microseconds. */
  cpuMicroseconds(): Promise<CpuTime>;
}

/** Of the sessions in the source, of a process of its own between the two, and of the sessions in the target. */
export interface CpuTime {
  readonly source: number;
  readonly between: number;
  readonly target: number;
}

const CLI = join(ROOT, 'cdc/src/cli.ts');
const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));

/** The slot, and the name of its sessions, of the capability `bench`. */
export const OUR_SLOT = 'strangler_bench';
const NATIVE = 'bench_native';

/** What the command needs to know. */
export function ourEnvironment({ sourceUrl }: Pick<Stores, 'sourceUrl'>, targetUrl: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    PORT: '0',
    STRANGLER_MIGRATIONS: MIGRATIONS,
    STRANGLER_DATABASE_MONOLITH: sourceUrl,
    STRANGLER_DATABASE_SERVICE: targetUrl,
    ...(process.env.BENCH_NODE_OPTIONS ? { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS } : {}),
  };
}

/** A line that `cdc run` has logged. */
export interface LoggedLine {
  readonly msg: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** `cdc run` as a process of its own. */
export interface OurProcess {
  readonly pid: number;
  /** Resolves with the first line that begins so. @throws Error with what it printed when it ends without. */
  logged(begin: string): Promise<LoggedLine>;
  stop(): Promise<void>;
}

/** Those that run; undefined once none may be started any more. */
let children: Set<ChildProcess> | undefined = new Set();

/** Ends every process of ours at once, and lets none be started again. */
export function endOurs(): void {
  for (const child of children ?? []) child.kill('SIGKILL');
  children = undefined;
}

export function startOurs(env: NodeJS.ProcessEnv): OurProcess {
  if (!children) throw new Error('the benchmark has ended');
  const child: ChildProcess = spawn(process.execPath, [CLI, 'run'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.add(child);
  child.once('exit', () => children?.delete(child));
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    output = (output + chunk).slice(-50_000);
  });
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid!,
    async logged(begin) {
      const find = () =>
        output
          .split('\n')
          .filter((line) => line.startsWith('{') && line.endsWith('}'))
          .map((line) => JSON.parse(line) as LoggedLine)
          .find(({ msg }) => msg.startsWith(begin));
      const line = await until(find, (found) => found !== undefined || ended(), { withinMs: 600_000, everyMs: 5 });
      if (!line) throw new Error(`cdc run ended without "${begin}":\n${output}`);
      return line;
    },
    async stop() {
      if (ended()) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Resolves once the source sends from this slot. */
const untilSending = (stores: Stores, slot: string) =>
  untilFound(stores.sourceUrl, 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL', [
    slot,
  ]);

const pidsOf = async (url: string, sql: string, name: string) =>
  (await run(url, sql, [name])).rows.map(({ pid }) => Number(pid));

const SESSIONS = 'SELECT pid FROM pg_stat_activity WHERE application_name = $1';

const sumOfCpu = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + (cpuMicroseconds(pid) ?? 0), 0);

/** Our capture and apply, with the target that a load of theirs has filled. */
export function createOurs(stores: Stores, targetUrl: string): Contestant & { pid(): number } {
  let child: OurProcess | undefined;
  return {
    ...{ name: 'ours', targetUrl, table: { name: 'product', key: 'id' } },
    pid: () => child!.pid,
    async start() {
      child = startOurs(ourEnvironment(stores, targetUrl));
      await Promise.race([untilSending(stores, OUR_SLOT), child.logged('streaming')]);
      await untilSending(stores, OUR_SLOT);
    },
    async stop() {
      await child?.stop();
    },
    async cpuMicroseconds() {
      return {
        source: sumOfCpu(await pidsOf(stores.sourceUrl, SESSIONS, OUR_SLOT)),
        between: sumOfCpu([child!.pid]),
        target: sumOfCpu(await pidsOf(targetUrl, SESSIONS, OUR_SLOT)),
      };
    },
  };
}

/** PostgreSQL's own: a subscription. */
export async function createNative(stores: Stores): Promise<Contestant> {
  const { nativeUrl } = stores;
  const from = new URL(stores.sourceUrl);
  const connection = `host=${from.hostname} port=${from.port} user=${from.username} password=${from.password} dbname=shop`;
  await run(nativeUrl, `CREATE SUBSCRIPTION ${NATIVE} CONNECTION '${connection}' PUBLICATION ${NATIVE}`);
  await untilFound(
    nativeUrl,
    "SELECT FROM pg_subscription_rel HAVING bool_and(srsubstate = 'r') AND count(*) = 2 AND $1::text IS NOT NULL",
    [NATIVE],
  );
  const contestant: Contestant = {
    ...{ name: 'native', targetUrl: nativeUrl, table: { name: 'prod', key: 'prod_id' } },
    async start() {
      await run(nativeUrl, `ALTER SUBSCRIPTION ${NATIVE} ENABLE`);
      await untilSending(stores, NATIVE);
    },
    async stop() {
      await run(nativeUrl, `ALTER SUBSCRIPTION ${NATIVE} DISABLE`);
      await untilFound(
        stores.sourceUrl,
        'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NULL',
        [NATIVE],
      );
    },
    async cpuMicroseconds() {
      const workers = 'SELECT pid FROM pg_stat_subscription WHERE subname = $1 AND pid IS NOT NULL';
      return {
        source: sumOfCpu(await pidsOf(stores.sourceUrl, SESSIONS, NATIVE)),
        between: 0,
        target: sumOfCpu(await pidsOf(nativeUrl, workers, NATIVE)),
      };
    },
  };
  await contestant.stop();
  return contestant;
}
