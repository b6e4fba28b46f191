/**
 * The upstream of the benchmark: answers canned bytes, and costs as little as it can, so that the proxies' cost shows.
 * `/1k` and every other path: 1 KB; `/100k`: 100 KB; `/stream?bytes=N`: that many, chunk by chunk.
 */
import { createServer, type Socket } from 'node:net';

const answer = (bytes: number, more = '') => {
  const body = Buffer.alloc(bytes, 'x');
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n${more}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
};
const SMALL = answer(1_024);
/** Says that it closes: who does not makes clients fail that take the connection for a lasting one. */
const LAST = answer(1_024, 'Connection: close\r\n');
const LARGE = answer(100 * 1_024);
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CHUNK = Buffer.alloc(64 * 1_024, 'x');

const server = createServer({ noDelay: true }, (socket) => {
  let held: Buffer | undefined;
  /** Bytes of the current request's body that are still to come. */
  let bodyLeft = 0;
  let after: (() => void) | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    let bytes = held === undefined ? data : Buffer.concat([held, data]);
    held = undefined;
    while (bytes.length > 0) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, bytes.length);
        bodyLeft -= taken;
        bytes = bytes.subarray(taken);
        if (bodyLeft === 0) after?.();
        continue;
      }
      const end = bytes.indexOf(END_OF_HEAD);
      if (end < 0) {
        held = bytes;
        return;
      }
      const head = bytes.toString('latin1', 0, end);
      bytes = bytes.subarray(end + 4);
      const reply = () => respond(socket, head);
      bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      after = reply;
      if (bodyLeft === 0) reply();
    }
  });
});

function respond(socket: Socket, head: string): void {
  if (/\r\nconnection: close/i.test(head)) socket.end(LAST);
  else if (head.startsWith('GET /100k ')) socket.write(LARGE);
  else if (head.startsWith('GET /stream?')) stream(socket, Number(/bytes=(\d+)/.exec(head)?.[1]));
  else socket.write(SMALL);
}

function stream(socket: Socket, bytes: number): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`);
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
      left -= chunk.length;
      if (!socket.write(chunk)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}

server.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
