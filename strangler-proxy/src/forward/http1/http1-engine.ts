import type { ProblemCode } from '../../errors.ts';
import { UpstreamFault } from '../answer-faults.ts';
import type { AnswerListener, Call, CallHandle, Engine, EngineLimits } from '../engine.ts';
import { Connection, type ConnectionOwner, Http1Call } from './connection.ts';

/** How exactly time-outs are kept. */
const TICK_MS = 100;
/**
 * A write, of which nothing is sent again once something was sent, takes a connection that has been idle for this long:
 * a server that closes without saying so does it at once, or after a while.
 */
const WRITE_IDLE_MS_MIN = 1;
const WRITE_IDLE_MS_MAX = 1_000;

/**
 * Our own HTTP/1.1 client for plain connections: RFC 9112 to the letter, one call per connection at a time, no pipelining.
 *
 * @param origin `http://127.0.0.1:4000`
 */
export function createHttp1Engine(origin: string, limits: EngineLimits): Engine {
  const { hostname, host, port } = new URL(origin);
  const all = new Set<Connection>();
  /** The one that was used last is used next, so that those beyond the need grow old. */
  const idle: Connection[] = [];
  let tick = 0;
  let clock: NodeJS.Timeout | undefined;
  let isClosing = false;
  const closed = Promise.withResolvers<void>();

  // The tick under way is already partly over.
  const ticksOf = (ms: number) => Math.ceil(ms / TICK_MS) + 1;
  const owner: ConnectionOwner = {
    host: hostname.replace(/^\[|\]$/g, ''),
    authority: host,
    port: Number(port === '' ? 80 : port),
    connectTicks: ticksOf(limits.connectTimeoutMs),
    headersTicks: ticksOf(limits.headersTimeoutMs),
    idleTicks: ticksOf(limits.idleTimeoutMs),
    tickAfter: (ms) => tick + ticksOf(ms),
    now: () => tick,
    released(connection) {
      if (isClosing) connection.destroy();
      else idle.push(connection);
    },
    closed(connection) {
      all.delete(connection);
      const at = idle.lastIndexOf(connection);
      if (at >= 0) idle.splice(at, 1);
      if (all.size === 0) rest();
    },
  };

  /** One timer for every wait of every connection. */
  function onTick(): void {
    tick++;
    for (const connection of all) {
      if (connection.deadline <= tick) connection.expire();
    }
  }

  function rest(): void {
    clearInterval(clock);
    clock = undefined;
    if (isClosing) closed.resolve();
  }

  function open(): Connection {
    const connection = new Connection(owner);
    all.add(connection);
    clock ??= setInterval(onTick, TICK_MS).unref();
    return connection;
  }

  function take({ onNewConnection, body, method }: Call): Connection {
    if (onNewConnection || idle.length === 0) return open();
    const mayBeRepeated = body === undefined && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
    return (mayBeRepeated ? idle.pop() : takeForWrite()) ?? open();
  }

  function takeForWrite(): Connection | undefined {
    const now = performance.now();
    const at = idle.findLastIndex(({ idleSince }) => now - idleSince >= WRITE_IDLE_MS_MIN);
    const found = idle[at];
    if (found === undefined || now - found.idleSince > WRITE_IDLE_MS_MAX) return undefined;
    idle.splice(at, 1);
    return found;
  }

  function endAll(code: ProblemCode): void {
    for (const connection of [...all]) connection.fail(code, new UpstreamFault(code, 'the proxy is stopping'));
  }

  return {
    send(request: Call, listener: AnswerListener): CallHandle {
      const call = new Http1Call(request, listener);
      if (isClosing) {
        process.nextTick(() => listener.failed('proxy-stopping', new Error('the proxy is stopping')));
        return call;
      }
      take(request).begin(call);
      return call;
    },
    async close() {
      isClosing = true;
      for (const connection of [...idle]) connection.destroy();
      if (all.size === 0) closed.resolve();
      await closed.promise;
    },
    async destroy() {
      isClosing = true;
      endAll('proxy-stopping');
      closed.resolve();
    },
  };
}
