/**
 * The clients of the benchmark, as a process of its own: reads one JSON object of {@link LoadOptions} from its argument,
 * prints one of {@link LoadResult}. Raw sockets, as a client library would cost more than the proxies.
 */
import { connect, type Socket } from 'node:net';

export interface LoadOptions {
  readonly port: number;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Bytes of each request's body. */
  readonly bodyBytes: number;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second, all connections together; as fast as answers come when undefined. */
  readonly rate?: number;
  /** Whether a connection serves many requests. */
  readonly keepAlive: boolean;
}

export interface LoadResult {
  readonly requests: number;
  /** Answers other than 200, and connections that broke. */
  readonly failed: number;
  readonly seconds: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

if (import.meta.main) {
  const result = await load(JSON.parse(process.argv[2] ?? '{}'));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function load(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let failed = 0;
  const began = performance.now();
  const until = began + options.seconds * 1_000;
  const gapMs = options.rate === undefined ? 0 : (1_000 * options.connections) / options.rate;

  const client = async (index: number) => {
    let connection: Connection | undefined;
    // With a rate, a request's time counts from when it should have begun: waiting in line is part of it.
    let due = began + (gapMs * index) / options.connections;
    while (performance.now() < until) {
      if (gapMs > 0) {
        const early = due - performance.now();
        if (early > 0) await new Promise((wake) => setTimeout(wake, early));
      } else due = performance.now();
      try {
        if (connection?.closed()) connection = undefined;
        connection ??= await open(options, index);
        const status = await connection.ask();
        if (status !== 200) failed += 1;
      } catch {
        failed += 1;
        connection = undefined;
      }
      latencies.push(performance.now() - due);
      due += gapMs;
      if (!options.keepAlive) {
        connection?.close();
        connection = undefined;
      }
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: options.connections }, (_, index) => client(index)));

  const seconds = (performance.now() - began) / 1_000;
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { requests: sorted.length, failed, seconds, p50_ms: at(0.5), p99_ms: at(0.99) };
}

interface Connection {
  /** Sends a request; resolves to the answer's status once all of it has come. */
  ask(): Promise<number>;
  /** Whether the other end has closed it meanwhile, as a server may between two requests. */
  closed(): boolean;
  close(): void;
}

async function open(options: LoadOptions, index: number): Promise<Connection> {
  const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail));
  const request = requestBytes(options, index);
  let settle: { done(status: number): void; fail(error: Error): void } | undefined;
  let status = 0;
  /** Bytes of the answer that are still to come; undefined before its head is whole. */
  let left: number | undefined;
  let held: Buffer | undefined;
  socket.on('data', (data: Buffer) => {
    let bytes = held === undefined ? data : Buffer.concat([held, data]);
    held = undefined;
    if (left === undefined) {
      const end = bytes.indexOf(END_OF_HEAD);
      if (end < 0) {
        held = bytes;
        return;
      }
      const head = bytes.toString('latin1', 0, end);
      status = Number(head.slice(9, 12));
      left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
      bytes = bytes.subarray(end + 4);
    }
    left -= bytes.length;
    if (left > 0) return;
    left = undefined;
    settle?.done(status);
  });
  const broken = (error?: Error) => settle?.fail(error ?? new Error('the connection was closed'));
  socket.on('error', broken).on('close', () => broken());
  return {
    ask: () =>
      new Promise<number>((done, fail) => {
        settle = { done, fail };
        socket.write(request);
      }),
    closed: () => socket.readyState !== 'open',
    close: () => end(socket),
  };
}

function end(socket: Socket): void {
  socket.removeAllListeners('close');
  socket.destroy();
}

function requestBytes({ method, path, bodyBytes, keepAlive }: LoadOptions, index: number): Buffer {
  // One visitor a connection, so that a share has both sides; see strangler-proxy for the cookie's form.
  const visitor = Buffer.alloc(16, `visitor ${index} `).toString('base64url');
  const fields = [
    `${method} ${path} HTTP/1.1`,
    'Host: shop.example',
    'User-Agent: load',
    'Accept: application/json',
    `Cookie: strangler_visitor=${visitor}`,
    ...(bodyBytes > 0 ? ['Content-Type: application/json', `Content-Length: ${bodyBytes}`] : []),
    ...(keepAlive ? [] : ['Connection: close']),
  ];
  return Buffer.concat([Buffer.from(`${fields.join('\r\n')}\r\n\r\n`), Buffer.alloc(bodyBytes, 'x')]);
}
