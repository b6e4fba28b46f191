import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ProblemCode, problemAnswer } from './errors.ts';
import { MALFORMED } from './forward/request-body.ts';
import { isWebSocket } from './forward/upgrade.ts';
import type { StranglerProxy } from './proxy.ts';

/** Bounds of the client's side. */
export interface ServerLimits {
  /** How long the head of a request may take to arrive. Default 15 s. */
  readonly headTimeoutMs?: number;
  /** How long a client may neither send the rest of its request nor take its answer. Default 60 s. */
  readonly idleTimeoutMs?: number;
}

/** Longer than load balancers keep idle connections, so that it is never we who close one that is about to be used. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const SWEEP_INTERVAL_MS = 50;
/** Wider than what upstreams take by default, so that it is their limit that clients meet, as before. */
const REQUEST_HEAD_BYTES_MAX = 64 * 1024;

/** A server that knows how to stop. */
export interface ProxyServer {
  readonly server: Server;
  /**
   * Stops accepting connections, lets requests under way end, and resolves when every connection is closed; what is
   * left at the deadline is ended. WebSockets end at once: they would never end by themselves, and their clients can
   * connect elsewhere.
   */
  stop(deadlineMs: number): Promise<void>;
}

/** One of the requests that a client sent behind each other on its connection. */
interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  hasBegun: boolean;
  /** What was found to be wrong with it while it waited. */
  refusal: ProblemCode | undefined;
}

/** A server on bare node:http for a proxy: strict about what it reads, and bounded in every wait. */
export function createProxyServer(
  proxy: Pick<StranglerProxy, 'handler' | 'continueHandler' | 'upgrade'>,
  limits: ServerLimits = {},
): ProxyServer {
  const upgraded = new Set<Duplex>();
  let stopping = false;
  const latest = new WeakMap<Socket, Turn>();
  const server = createServer({
    insecureHTTPParser: false,
    // `requestHead` sees to it: what Node answers by itself, neither log nor metrics would know of.
    requireHostHeader: false,
    maxHeaderSize: REQUEST_HEAD_BYTES_MAX,
    headersTimeout: limits.headTimeoutMs ?? 15_000,
    // An upload may take as long as it moves: the idle time-out below bounds it instead.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: isWebSocket,
  });
  // The size of the head bounds the number of fields. A bound on the number would drop the rest without a word.
  server.maxHeadersCount = 0;

  /**
   * Answers keep the order of their requests by Node's doing; what they set going does not. So whatever may change
   * something waits for what is ahead of it, and what is behind it for it (RFC 9112 section 9.3.2).
   */
  const inTurn = (request: IncomingMessage, response: ServerResponse, begin: () => void) => {
    const before = latest.get(request.socket);
    // The connection closes after the answer before this one: nothing behind it counts (RFC 9112 section 9.6).
    if (before !== undefined && !before.response.shouldKeepAlive) return;
    const turn: Turn = { request, response, hasBegun: false, refusal: undefined };
    latest.set(request.socket, turn);
    const take = () => {
      if (before !== undefined && !before.response.shouldKeepAlive) {
        // Nor does what waits for this one.
        response.shouldKeepAlive = false;
        return;
      }
      if (turn.refusal !== undefined) {
        refuse(request.socket, turn.refusal);
        return;
      }
      turn.hasBegun = true;
      if (stopping || closesByItself(request)) response.shouldKeepAlive = false;
      begin();
    };
    const mayBegin =
      before === undefined ||
      before.response.writableFinished ||
      (before.hasBegun && isSafe(before.request) && isSafe(request));
    if (mayBegin) take();
    else before.response.once('close', take);
  };
  const serve = (request: IncomingMessage, response: ServerResponse, handler: StranglerProxy['handler']) =>
    inTurn(request, response, () => handler(request, response));
  server.on('request', (request, response) => serve(request, response, proxy.handler));
  // Node would answer by itself, past log and metrics.
  server.on('checkExpectation', (request, response) => serve(request, response, proxy.handler));
  server.on('checkContinue', (request, response) => serve(request, response, proxy.continueHandler));
  server.on('upgrade', (request, socket, head) => {
    const begin = () => {
      upgraded.add(socket);
      socket.once('close', () => upgraded.delete(socket));
      proxy.upgrade(request, socket, head);
    };
    const before = latest.get(socket as Socket);
    if (before === undefined || before.response.writableFinished) begin();
    else before.response.once('close', () => before.response.shouldKeepAlive && begin());
  });
  server.on('connect', (_request, socket: Socket) => refuse(socket, 'target-not-passed-on'));

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const code = clientProblem(error.code);
    const before = latest.get(socket);
    const isAnswering = before !== undefined && !before.response.writableFinished;
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    // Answers keep the order of their requests (RFC 9112 section 9.3.2): the good ones ahead come first.
    else if (isAnswering && before.request.complete) before.response.once('close', () => refuse(socket, code));
    // The client ended its side within a request: it has left.
    else if (error.code === 'HPE_INVALID_EOF_STATE') socket.destroy();
    else if (isAnswering && !before.hasBegun) before.refusal = code;
    // Whoever reads the body answers; where nobody does, the answer is made already.
    else if (isAnswering) before.request.emit(MALFORMED) || before.response.once('close', () => socket.destroySoon());
    // It has its answer; a second one would be taken for that to the next request.
    else if (before !== undefined && !before.request.complete) socket.destroySoon();
    else refuse(socket, code);
  });

  server.setTimeout(limits.idleTimeoutMs ?? 60_000, (socket) => {
    const exchange = latest.get(socket);
    if (exchange === undefined || exchange.response.writableFinished) {
      socket.destroy();
      return;
    }
    const { request, response } = exchange;
    // An upstream that thinks is bounded by its own time-outs. A client that stands still is bounded here.
    if (!request.complete || response.writableNeedDrain) socket.destroy();
    else socket.setTimeout(socket.timeout ?? 0);
  });
  return {
    server,
    async stop(deadlineMs) {
      stopping = true;
      const closed = once(server, 'close');
      server.close();
      for (const socket of upgraded) socket.destroy();
      // A connection whose answer was under way becomes idle after it, and nobody else would close it then.
      const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS);
      const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(deadline);
    },
  };
}

/** RFC 9110 section 9.2.1. */
function isSafe({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

/**
 * Whether nothing behind a request counts, whatever Node makes of it. `close` beats `keep-alive` in HTTP/1.0 too, and
 * `Proxy-Connection` says nothing (RFC 9112 sections 9.3 and C.2.2). And behind an upgrade that is not taken up Node drops
 * what came in the same segment, so that the rest of a request could be taken for another one.
 */
function closesByItself({ httpVersionMinor, headers }: IncomingMessage): boolean {
  if (headers.upgrade !== undefined) return true;
  if (httpVersionMinor !== 0) return false;
  const options = (headers.connection ?? '').split(',').map((option) => option.trim().toLowerCase());
  return options.includes('close') || !options.includes('keep-alive');
}

/** Answers, without a request to answer to, and closes the connection. */
function refuse(socket: Socket, code: ProblemCode): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = problemAnswer(code);
  let head = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  socket.end(`${head}\r\n${body}`);
  socket.destroySoon();
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
};

function clientProblem(code: string | undefined): ProblemCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'request-head-too-large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return 'request-malformed';
}
