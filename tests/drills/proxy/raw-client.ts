import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back for some bytes. */
export interface RawAnswer {
  readonly received: string;
  /** Whether the connection was reset, not closed. */
  readonly isReset: boolean;
}

/** How long a hostile client waits; a proxy that says nothing within it has not refused. */
const PATIENCE_MS = 3_000;

/** Sends bytes, and gives what comes back until the other side closes or nothing more comes. */
export async function sendBytes(port: number, bytes: string, patienceMs = PATIENCE_MS): Promise<RawAnswer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  let isReset = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  const over = new Promise<void>((done) => {
    socket.on('error', () => {
      isReset = true;
      done();
    });
    socket.on('end', done).on('close', () => done());
    setTimeout(done, patienceMs).unref();
  });
  socket.write(bytes, 'latin1');
  await over;
  socket.destroy();
  return { received, isReset };
}

/** A connection that says nothing. */
export async function idleConnection(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
