/** strangler-proxy with nothing declared and nothing switched on: what carrying the bytes costs by itself. */
import { createServer } from 'node:http';
import { createProxy } from 'strangler-proxy';

const proxy = createProxy({ migrations: [], upstreams: { monolith: process.env.UPSTREAM ?? '' }, servedBy: false });
createServer(proxy.handler).listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
