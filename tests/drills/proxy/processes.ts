import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../../support/until.ts';
import type { FlagConduct } from './flag-server-process.ts';
import type { Conduct, UpstreamMessage } from './upstream-process.ts';

/** A process of the drill. */
export interface DrillProcess {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  isAlive(): boolean;
  /** Ends it at once, a stopped one too. */
  kill(): Promise<void>;
}

/** A request that an upstream took for one. */
export type Received = Extract<UpstreamMessage, { readonly target: string }>;

/** An upstream, with everything that it was sent. */
export interface DrillUpstream extends DrillProcess {
  readonly received: Received[];
  /** Bytes that were no request. */
  readonly malformed: string[];
  behave(conduct: Conduct): void;
}

/** Everything that a drill has started, and how to end all of it. */
export interface Processes {
  upstream(name: string): Promise<DrillUpstream>;
  flagServer(): Promise<DrillProcess & { behave(conduct: FlagConduct): void }>;
  /** @param openFilesMax of the process; unlimited by default */
  proxy(options: ProxyRun): Promise<DrillProcess & { readonly admin: string }>;
  /** Writes the file of a proxy that was started so; the proxy reads it at SIGHUP. */
  configure(proxy: DrillProcess, upstreams: Pick<ProxyRun, 'monolith' | 'catalog'>): Promise<void>;
  endAll(): Promise<void>;
}

/** How a proxy is started. */
export interface ProxyRun {
  readonly monolith: string;
  readonly catalog: string;
  readonly flags?: string;
  readonly openFilesMax?: number;
  /** Its upstreams come from a file that {@link Processes.configure} writes. */
  readonly configured?: boolean;
}

const READY_WITHIN_MS = 30_000;
const PROXY = join(import.meta.dirname, '../../../strangler-proxy/src/cli.ts');

const MIGRATION = `export default {
  capability: 'catalog', service: 'catalog', tables: [], follows: [],
  routes: [
    { id: 'item', kind: 'read', method: 'GET', path: '/items/:id', compare: [] },
    { id: 'create', kind: 'write', method: 'POST', path: '/items', compare: [] },
  ],
};`;

/** Makes the folder that the proxies run in. */
export async function createProcesses(): Promise<Processes> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-drill-'));
  await mkdir(join(folder, 'migrations', 'catalog'), { recursive: true });
  await writeFile(join(folder, 'migrations', 'catalog', 'migration.js'), MIGRATION);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const started: DrillProcess[] = [];
  const configurations = new Map<ChildProcess, string>();
  let proxies = 0;

  function forkPart<Message extends object>(program: string, args: string[], onMessage: (message: Message) => void) {
    const child = fork(join(import.meta.dirname, program), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const listening = Promise.withResolvers<number>();
    child.on('message', (message: Message | { port: number }) => {
      if ('port' in message) listening.resolve(message.port);
      else onMessage(message);
    });
    child.on('exit', () => listening.reject(new Error(`${program} ended before it listened`)));
    return listening.promise.then((port) => remember(child, `http://127.0.0.1:${port}`));
  }

  function remember(child: ChildProcess, url: string): DrillProcess {
    const isAlive = () => child.exitCode === null && child.signalCode === null;
    const part: DrillProcess = {
      child,
      url,
      port: Number(new URL(url).port),
      isAlive,
      async kill() {
        if (!isAlive()) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
    };
    started.push(part);
    return part;
  }

  return {
    async upstream(name) {
      const received: Received[] = [];
      const malformed: string[] = [];
      const part = await forkPart<UpstreamMessage>('upstream-process.ts', [name], (message) => {
        if ('target' in message) received.push(message);
        else if ('malformed' in message) malformed.push(message.malformed);
      });
      return { ...part, received, malformed, behave: (conduct) => void part.child.send(conduct) };
    },
    async flagServer() {
      const part = await forkPart('flag-server-process.ts', [], () => {});
      return { ...part, behave: (conduct) => void part.child.send(conduct) };
    },
    async proxy({ monolith, catalog, flags, openFilesMax, configured = false }) {
      const configuration = join(folder, `proxy-${proxies + 1}.env`);
      if (configured) await writeFile(configuration, lines({ monolith, catalog }));
      const settings = 'headers-timeout-ms=500,eject-ms=200,connect-timeout-ms=500';
      const env = {
        PATH: process.env.PATH,
        PORT: '0',
        ADMIN_PORT: '0',
        LOG_LEVEL: 'info',
        STRANGLER_STATE: join(folder, `state-${++proxies}`),
        ...(configured ? { STRANGLER_CONFIG: configuration } : upstreamVariables({ monolith, catalog })),
        STRANGLER_SETTINGS_CATALOG: settings,
        ...(flags === undefined ? {} : { UNLEASH_URL: `${flags}/api`, UNLEASH_TOKEN: 'default:development.drill' }),
      };
      const [command, args] =
        openFilesMax === undefined
          ? [process.execPath, [PROXY]]
          : ['sh', ['-c', `ulimit -n ${openFilesMax} && exec "$0" "$1"`, process.execPath, PROXY]];
      const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      let ready: { url: string; admin: string } | undefined;
      const read = (line: string) => {
        if (line.includes('"msg":"ready"')) ready = JSON.parse(line);
        else if (!line.includes('"msg":"request"')) said = `${said}${line}\n`.slice(-4_000);
      };
      for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', read);
      await until(
        () => ready !== undefined || child.exitCode !== null,
        (is) => is,
        { withinMs: READY_WITHIN_MS },
      );
      if (ready === undefined) throw new Error(`The proxy did not start: ${said}`);
      const part = { ...remember(child, ready.url), admin: ready.admin };
      if (configured) configurations.set(child, configuration);
      return part;
    },
    async configure({ child }, upstreams) {
      const file = configurations.get(child);
      if (file === undefined) throw new Error('this proxy was not started with a file');
      await writeFile(file, lines(upstreams));
    },
    async endAll() {
      await Promise.all(started.map((part) => part.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function upstreamVariables({ monolith, catalog }: Pick<ProxyRun, 'monolith' | 'catalog'>): Record<string, string> {
  return { STRANGLER_UPSTREAM_MONOLITH: monolith, STRANGLER_UPSTREAM_CATALOG: catalog };
}

function lines(upstreams: Pick<ProxyRun, 'monolith' | 'catalog'>): string {
  return Object.entries(upstreamVariables(upstreams))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
