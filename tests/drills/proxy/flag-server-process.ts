/** A flag server of the drill, as a process of its own: the client API of Unleash, as far as it can be made to lie. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the flag server answers. */
export type FlagConduct = 'well' | 'garbage' | 'error' | 'silent' | 'half';

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

const server = createServer((request, response) => {
  request.resume();
  if (request.method === 'POST') response.writeHead(202).end();
  else if (conduct === 'well') response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
  else if (conduct === 'garbage')
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('<html>{"features"');
  else if (conduct === 'error') response.writeHead(500).end();
  else if (conduct === 'half') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.write(body.slice(0, 20), () => response.destroy());
  }
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
