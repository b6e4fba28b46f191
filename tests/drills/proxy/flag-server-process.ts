/** A flag server of the drill, as a process of its own: the client API of Unleash, as far as it can be made to lie. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** How the flag server answers. */
export type FlagConduct =
  | 'well'
  | 'garbage'
  | 'error'
  | 'silent'
  | 'half'
  | 'empty'
  | 'wrong-types'
  | 'half-compressed';

let conduct: FlagConduct = 'well';
process.on('message', (message: FlagConduct) => {
  conduct = message;
});
process.on('disconnect', () => process.exit());

const strategies = [
  { name: 'flexibleRollout', parameters: { rollout: '100', stickiness: 'default', groupId: 'catalog' } },
];
const features = [{ name: 'catalog.item.serve', type: 'release', enabled: true, strategies }];
const body = JSON.stringify({ version: 2, features });

const WRONG_TYPES =
  '{"version":2,"features":[{"name":"catalog.item.serve","enabled":true,"strategies":[null]},null,7]}';

function json(response: ServerResponse, text: string | Buffer): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
}

const server = createServer((request, response) => {
  request.resume();
  if (request.method === 'POST') response.writeHead(202).end();
  else if (conduct === 'well') json(response, body);
  else if (conduct === 'garbage') json(response, '<html>{"features"');
  else if (conduct === 'error') response.writeHead(500).end();
  else if (conduct === 'empty') json(response, '{"version":2,"features":[]}');
  else if (conduct === 'wrong-types') json(response, WRONG_TYPES);
  else if (conduct === 'half-compressed') {
    response.setHeader('Content-Encoding', 'gzip');
    json(response, gzipSync(body).subarray(0, 30));
  } else if (conduct === 'half') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.write(body.slice(0, 20), () => response.destroy());
  }
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
