import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type ReceivedRequest, readReceived } from './received-requests.ts';

/** Bytes to answer with, and what becomes of the connection then. */
export interface CannedAnswer {
  readonly pieces: readonly string[];
  readonly afterwards: 'keep' | 'close' | 'reset';
}

/** The upstream behind the proxy that is fuzzed: it believes nothing, and remembers what it was sent. */
export interface FuzzUpstream {
  readonly url: string;
  /** Every whole request since the last {@link forget}. */
  readonly received: readonly ReceivedRequest[];
  /** What was no request. */
  readonly malformed: readonly string[];
  forget(): void;
  /** How the target {@link CANNED} is answered from now on. */
  answerWith(canned: CannedAnswer | undefined): void;
  close(): Promise<void>;
}

/** The target that is answered with a canned answer. */
export const CANNED = '/canned';
/** Says which of the received requests an answer is to. */
export const REACHED = 'X-Reached';

/** How long the proxy may wait for the rest of a canned answer that leaves its connection open. */
const KEPT_MS = 30;

export async function startFuzzUpstream(): Promise<FuzzUpstream> {
  let received: ReceivedRequest[] = [];
  let malformed: string[] = [];
  let canned: CannedAnswer | undefined;
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    let bytes = '';
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      for (;;) {
        const request = readReceived(bytes);
        if (request === undefined) return;
        if ('malformed' in request) {
          malformed.push(request.malformed);
          socket.destroy();
          return;
        }
        bytes = bytes.slice(request.bytes);
        received.push(request);
        if (canned !== undefined && request.target === CANNED) void sendCanned(socket, canned);
        else socket.write(goodAnswer(request, received.length - 1), 'latin1');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get received() {
      return received;
    },
    get malformed() {
      return malformed;
    },
    forget() {
      received = [];
      malformed = [];
    },
    answerWith(next) {
      canned = next;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

function goodAnswer({ method, target }: ReceivedRequest, index: number): string {
  const body = `${method} ${target}`;
  const head = `HTTP/1.1 200 OK\r\n${REACHED}: ${index}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return method === 'HEAD' ? head : head + body;
}

async function sendCanned(socket: Socket, { pieces, afterwards }: CannedAnswer): Promise<void> {
  for (const piece of pieces) {
    if (!socket.writable) return;
    socket.write(piece, 'latin1');
    await new Promise(setImmediate);
  }
  if (afterwards === 'reset') socket.resetAndDestroy();
  else if (afterwards === 'close') socket.end();
  else setTimeout(() => socket.end(), KEPT_MS).unref();
}
