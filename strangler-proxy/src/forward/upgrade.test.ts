import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  catalog,
  type Listening,
  sendRaw,
  splitAnswer,
  startProxy,
  startRawUpstream,
  startUpstream,
  testFlags,
  until,
} from '../test-support/servers.ts';

const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Echoes what it is sent, with its own name before it. */
async function startEcho(
  name: string,
): Promise<Listening & { readonly asked: IncomingMessage[]; connected(): number }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((_request, response) => response.writeHead(200).end(`${name} plain`));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    asked.push(request);
    socket.on('message', (message) => socket.send(`${name}: ${message}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, asked, connected: () => sockets.clients.size };
}

async function open(proxy: Listening, path: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${path}`, { headers });
  onTestFinished(() => socket.terminate());
  const upgraded = once(socket, 'upgrade');
  await once(socket, 'open');
  const [answer] = (await upgraded) as [IncomingMessage];
  return {
    socket,
    answer,
    async say(message: string): Promise<string> {
      socket.send(message);
      const [reply] = await once(socket, 'message');
      return String(reply);
    },
  };
}

test('a WebSocket goes where its route goes, and stays there when the flag is flipped', async () => {
  const [monolith, service] = [await startEcho('monolith'), await startEcho('catalog')];
  const flags = testFlags();
  const upstreams = { monolith: monolith.url, catalog: service.url };
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams });
  const before = await open(proxy, '/live?a=%2F');
  expect(await before.say('1')).toBe('monolith: 1');
  expect(monolith.asked[0]?.url).toBe('/live?a=%2F');

  flags.set('catalog.live.serve', 'always');
  flags.set('catalog.socket.serve', 'always');
  const after = await open(proxy, '/live');
  expect(await after.say('2')).toBe('catalog: 2');
  expect(after.answer.headers['x-served-by']).toBe('catalog');
  expect(await before.say('3')).toBe('monolith: 3');
  expect(proxy.log).toMatchObject([
    { route: 'catalog.socket', upstream: 'monolith', status: 101, why: 'off' },
    { route: 'catalog.socket', upstream: 'catalog', status: 101, why: 'live' },
  ]);
});

test('the handshake carries the fields of a request, and no claim of the client', async () => {
  const monolith = await startEcho('monolith');
  const proxy = await startProxy({ upstreams: { monolith: monolith.url } });
  await open(proxy, '/chat', { 'X-Forwarded-For': '10.9.9.9', 'X-Shadow-Request': 'true', Cookie: 'a=1' });
  expect(monolith.asked[0]?.headers).toMatchObject({
    cookie: 'a=1',
    host: `127.0.0.1:${proxy.port}`,
    'x-forwarded-for': '127.0.0.1',
    via: '1.1 strangler-proxy',
  });
  expect(monolith.asked[0]?.headers).not.toHaveProperty('x-shadow-request');
});

test('whichever side goes, the other is let go', async () => {
  const monolith = await startEcho('monolith');
  const proxy = await startProxy({ upstreams: { monolith: monolith.url } });
  const { inFlight } = proxy.proxy.upstreams.get('monolith');
  const first = await open(proxy, '/');
  expect(proxy.proxy.upstreams.get('monolith').inFlight).toBe(inFlight + 1);
  first.socket.terminate();
  await until(() => monolith.connected() === 0 && proxy.proxy.upstreams.get('monolith').inFlight === 0);

  const dies = await startRawUpstream((socket) =>
    socket.once('data', () => {
      const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n\r\n`,
      );
      setImmediate(() => socket.resetAndDestroy());
    }),
  );
  const other = await startProxy({ upstreams: { monolith: dies.url } });
  const { received } = await sendRaw(other.port, `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}`);
  expect(received).toMatch(/^HTTP\/1\.1 101 /);
});

test('an upstream that goes on talking to a client that left is let go', async () => {
  let state = 'waiting';
  const talks = await startRawUpstream((socket) => {
    socket.once('data', () => {
      const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\n\r\n`,
      );
      state = 'open';
    });
    const talk = setInterval(() => state === 'open' && socket.write('x'), 10);
    socket.on('close', () => {
      clearInterval(talk);
      state = 'closed';
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: talks.url } });
  await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}`, (received) => received.endsWith('x'));
  await until(() => state === 'closed');
});

test('a refused upgrade gets its answer', async () => {
  const monolith = await startUpstream(() => {});
  monolith.server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: no\r\n\r\nno');
  });
  const proxy = await startProxy({ upstreams: { monolith: monolith.url } });
  const { received } = await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}`);
  const { statusLine, body } = splitAnswer(received);
  expect(statusLine).toBe('HTTP/1.1 403 Forbidden');
  expect(body).toBe('no');
  expect(proxy.log).toMatchObject([{ status: 403 }]);
});

test('an upgrade to a dead upstream is a 502, one that is not valid HTTP is a 400', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const dead = splitAnswer((await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}`)).received);
  expect(dead.statusLine).toBe('HTTP/1.1 502 Bad Gateway');
  expect(JSON.parse(dead.body)).toMatchObject({ code: 'upstream-refused', upstream: 'monolith' });
  const bad = await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${UPGRADE}`);
  expect(bad.received).toMatch(/^HTTP\/1\.1 400 /);
  await until(() => proxy.proxy.upstreams.get('monolith').inFlight === 0);
});

test('an upgrade that is offered to something else than WebSocket is served as a plain request', async () => {
  const monolith = await startUpstream((request, response) => {
    response.end(`${request.method} ${request.headers.upgrade} ${request.headers['http2-settings']}`);
  });
  const proxy = await startProxy({ upstreams: { monolith: monolith.url } });
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n';
  const enough = (received: string) => received.includes('undefined undefined');
  const { received } = await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\n${offer}`, enough);
  expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*GET undefined undefined/);
});

test('on a server that hands over every upgrade, h2c is served as a plain request too', async () => {
  const monolith = await startUpstream((_request, response) => response.end('plain'));
  const { proxy } = await startProxy({ upstreams: { monolith: monolith.url } });
  const server = createServer(proxy.handler).on('upgrade', proxy.upgrade).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const bytes = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  const { received } = await sendRaw((server.address() as AddressInfo).port, bytes);
  expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*plain$/);
});
