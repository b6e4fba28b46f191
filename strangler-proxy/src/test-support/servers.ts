import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { defineMigration, type Migration, read, write } from 'strangler-migrations/define';
import { onTestFinished } from 'vitest';
import type { AccessEntry } from '../access-log.ts';
import type { Outcome } from '../decide/decide.ts';
import type { Flags } from '../decide/flags.ts';
import type { EngineName } from '../forward/instances.ts';
import type { UpstreamOptions } from '../forward/upstreams.ts';
import { createProxy, type ProxyOptions, type StranglerProxy } from '../proxy.ts';
import { createProxyServer, type ServerLimits } from '../server.ts';

/** Something that listens on loopback until the test is over. */
export interface Listening {
  readonly port: number;
  readonly url: string;
}

/** An HTTP server. */
export async function startUpstream(listener: RequestListener): Promise<Listening & { readonly server: Server }> {
  const server = createServer(listener);
  // What is tested is what arrives here, not what this server thinks of it.
  server.maxHeadersCount = 0;
  const address = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { ...address, server };
}

/** A TCP server that answers with whatever bytes the test wants. */
export async function startRawUpstream(onConnection: (socket: Socket) => void): Promise<Listening> {
  const open = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    onConnection(socket);
  });
  const address = await listen(server);
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((done) => server.close(done));
  });
  return address;
}

/** A TCP server that answers every request with the same bytes, and then does `after`. */
export function startCanned(answer: string, after: (socket: Socket) => void = () => {}): Promise<Listening> {
  return startRawUpstream((socket) => {
    socket.on('data', () => {
      socket.write(answer, 'latin1', () => after(socket));
    });
  });
}

/** A proxy on a server of its own. `log` has one entry per request that is over. */
export interface TestProxy extends Listening {
  readonly proxy: StranglerProxy;
  readonly log: AccessEntry[];
  readonly server: Server;
  stop(deadlineMs: number): Promise<void>;
}

let engine: EngineName = 'http1';

/** From here on, every proxy of this file reaches its upstreams by this engine. */
export function useEngine(name: EngineName): void {
  engine = name;
}

/** The engine that proxies are started with. */
export function engineInUse(): EngineName {
  return engine;
}

function byEngine(upstreams: ProxyOptions['upstreams']): ProxyOptions['upstreams'] {
  if (typeof upstreams.get === 'function') return upstreams;
  const settings = Object.entries(upstreams as Readonly<Record<string, string | UpstreamOptions>>);
  return Object.fromEntries(
    settings.map(([name, one]) => [name, { engine, ...(typeof one === 'string' ? { url: one } : one) }]),
  );
}

/** A proxy in front of these upstreams. */
export async function startProxy(
  options: Partial<ProxyOptions> & Pick<ProxyOptions, 'upstreams'>,
  limits: ServerLimits = {},
): Promise<TestProxy> {
  const log: AccessEntry[] = [];
  const accessLog = { write: (entry: AccessEntry) => void log.push(entry), flush() {} };
  const proxy = createProxy({ migrations: [], accessLog, ...options, upstreams: byEngine(options.upstreams) });
  const { server, stop } = createProxyServer(proxy, limits);
  const address = await listen(server);
  onTestFinished(async () => {
    if (server.listening) await stop(0);
    await proxy.close(0);
  });
  return { ...address, proxy, log, server, stop };
}

/** A catalog with a route of each kind, as no shop has it. */
export const catalog: Migration = defineMigration({
  capability: 'catalog',
  routes: {
    item: read('GET /items/:id'),
    list: read('GET /items'),
    create: write('POST /items'),
    socket: read('GET /live'),
  },
  tables: [],
});

/** Flags that a test sets by hand. A function is asked with the sticky key. */
export interface TestFlags extends Flags {
  set(flag: string, to: Outcome | ((stickyKey: string) => boolean)): void;
}

/** Flags without a server. */
export function testFlags(
  initial: Readonly<Record<string, Outcome | ((stickyKey: string) => boolean)>> = {},
): TestFlags {
  const flags = new Map(Object.entries(initial));
  const listeners = new Set<() => void>();
  return {
    set(flag, to) {
      flags.set(flag, to);
      for (const listener of listeners) listener();
    },
    outcome(flag) {
      const is = flags.get(flag) ?? 'never';
      return typeof is === 'function' ? 'ask' : is;
    },
    isEnabled(flag, stickyKey) {
      const is = flags.get(flag);
      return typeof is === 'function' && is(stickyKey);
    },
    share: () => null,
    count() {},
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    status: () => ({ state: 'fresh', error: undefined }),
    close() {},
  };
}

/** Sends bytes and gives all that comes back until the other side closes, or until `enough` says so. */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
  enough: (received: string) => boolean = () => false,
): Promise<{ readonly received: string; readonly reset: boolean }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  let reset = false;
  const over = new Promise<void>((done) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (enough(received)) done();
    });
    socket.on('end', done);
    socket.on('error', ({ message }) => {
      reset = /ECONNRESET|EPIPE/.test(message);
      done();
    });
    socket.on('close', () => done());
  });
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await over;
  socket.destroy();
  return { received, reset };
}

/** The head of an answer and its body, as they were sent. */
export function splitAnswer(received: string): {
  readonly statusLine: string;
  readonly fields: string[];
  readonly body: string;
} {
  const end = received.indexOf('\r\n\r\n');
  const [statusLine = '', ...fields] = received.slice(0, end).split('\r\n');
  return { statusLine, fields, body: received.slice(end + 4) };
}

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It did not come to hold within ${deadlineMs} ms: ${condition}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<Listening> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}
