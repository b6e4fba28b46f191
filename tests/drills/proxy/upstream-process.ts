/**
 * An upstream of the drill, as a process of its own. It reads requests more strictly than any server of a library does,
 * and tells its parent of each; so a request that the proxy let slip through is seen, whatever it looks like.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { BROKEN_ANSWERS } from './broken-answers.ts';
import { readRequest } from './strict-request.ts';

/** How the upstream treats requests: as it should, or in one of the ways in which services fail. */
export type Conduct = 'well' | 'silent' | 'closes' | 'garbage' | 'error' | 'unavailable' | 'breaks-off';

/** What the upstream tells its parent. */
export type UpstreamMessage =
  | { readonly port: number }
  | { readonly method: string; readonly target: string; readonly body: string }
  | { readonly malformed: string };

const [name = 'upstream'] = process.argv.slice(2);
const SLOW_MS = 1_000;
let conduct: Conduct = 'well';

process.on('message', (message: Conduct) => {
  conduct = message;
});
process.on('disconnect', () => process.exit());

const server = createServer((socket) => {
  let received = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const request = readRequest(received);
      if (request === undefined) return;
      if ('malformed' in request) {
        tell({ malformed: request.malformed });
        socket.destroy();
        return;
      }
      received = received.subarray(request.bytes);
      const { method, target, body } = request;
      tell({ method, target, body });
      answer(socket, method, target);
    }
  });
});
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }));

function answer(socket: Socket, method: string, target: string): void {
  const broken = /^\/broken\/(\d+)$/.exec(target)?.[1];
  if (broken !== undefined) socket.end(BROKEN_ANSWERS[Number(broken)]?.bytes ?? '', 'latin1');
  else if (target === '/slow') setTimeout(() => socket.write(whole(200, `${name} ${method} ${target}`)), SLOW_MS);
  else behave(socket, whole(200, `${name} ${method} ${target}`));
}

function behave(socket: Socket, good: string): void {
  if (conduct === 'well') socket.write(good, 'latin1');
  else if (conduct === 'closes') socket.destroy();
  else if (conduct === 'garbage') socket.end('\x00\x01 no HTTP \r\n\r\n');
  else if (conduct === 'error') socket.write(whole(500, 'broken'));
  else if (conduct === 'unavailable') socket.write(whole(503, 'not now'));
  else if (conduct === 'breaks-off') socket.end('HTTP/1.1 200 OK\r\nContent-Le');
}

function whole(status: number, body: string): string {
  return `HTTP/1.1 ${status} Drill\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function tell(message: UpstreamMessage): void {
  process.send?.(message);
}
