import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from './proxy.ts';
import {
  catalog,
  type Listening,
  sendRaw,
  splitAnswer,
  startProxy,
  startUpstream,
  testFlags,
  until,
} from './test-support/servers.ts';

const named = (name: string) => startUpstream((request, response) => response.end(`${name} ${request.url}`));

async function servedBy(proxy: Listening, path: string, init: RequestInit = {}): Promise<string | null> {
  const answer = await fetch(`${proxy.url}${path}`, init);
  await answer.arrayBuffer();
  return answer.headers.get('x-served-by');
}

test('what nobody declared equals the answer of the monolith byte for byte', async () => {
  const monolith = await startUpstream((request, response) => {
    response.sendDate = false;
    response.setHeader('Date', 'Thu, 01 Jan 2026 00:00:00 GMT');
    response.setHeader('X-Powered-By', 'Shop/4.2');
    const cases: Record<string, () => void> = {
      '/page': () => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Shop</h1>'),
      '/empty': () => response.writeHead(204).end(),
      '/moved': () => response.writeHead(302, 'Over there', { Location: '/page?a=%2F' }).end(),
      '/unchanged': () => response.writeHead(304, { ETag: 'W/"1"' }).end(),
      '/cookies': () => response.writeHead(200, ['Set-Cookie', 'a=1', 'X-A', '1', 'set-cookie', 'b=2']).end('x'),
      '/chunked': () => response.writeHead(200, { Vary: 'a, b' }).write('one', () => response.end('two')),
      '/binary': () => response.writeHead(200).end(Buffer.from([0, 255, 13, 10, 128])),
      '/failure': () => response.writeHead(500, { 'Cache-Control': 'no-cache' }).end('{"error":"X"}'),
    };
    (cases[request.url ?? ''] ?? (() => response.writeHead(404).end(`no ${request.url}`)))();
  });
  const proxy = await startProxy({
    migrations: [catalog],
    upstreams: { monolith: monolith.url, catalog: monolith.url },
  });
  const paths = ['/page', '/empty', '/moved', '/unchanged', '/cookies', '/chunked', '/binary', '/failure'];
  for (const path of [...paths, '/items/../x', '//items/7', '/ITEMS/7', '/items/7/']) {
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const bytes = `${method} ${path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`;
      const [direct, proxied] = await Promise.all([sendRaw(monolith.port, bytes), sendRaw(proxy.port, bytes)]);
      const expected = splitAnswer(direct.received);
      const got = splitAnswer(proxied.received);
      const ours = ['Via: 1.1 strangler-proxy', 'X-Served-By: monolith'];
      expect(got.statusLine).toBe(expected.statusLine);
      expect(got.fields.filter((field) => !ours.includes(field))).toEqual(expected.fields);
      expect(got.fields.filter((field) => ours.includes(field))).toEqual(ours);
      expect(unchunked(got)).toBe(unchunked(expected));
    }
  }
});

test('a flag moves a read route, and turning it off moves it back', async () => {
  const flags = testFlags();
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams });
  expect(await servedBy(proxy, '/items/7')).toBe('monolith');
  flags.set('catalog.item.serve', 'always');
  expect(await servedBy(proxy, '/items/7')).toBe('catalog');
  expect(await servedBy(proxy, '/items')).toBe('monolith');
  flags.set('strangler.kill-switch', 'always');
  expect(await servedBy(proxy, '/items/7')).toBe('monolith');
  flags.set('strangler.kill-switch', 'never');
  flags.set('catalog.item.serve', 'never');
  expect(await servedBy(proxy, '/items/7')).toBe('monolith');
  expect(proxy.log.map(({ why }) => why)).toEqual(['off', 'live', 'off', 'kill-switch', 'off']);
});

test('a visitor is given a cookie when a share is asked for, never otherwise, and keeps the side', async () => {
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const asked: string[] = [];
  const flags = testFlags({
    'catalog.item.serve': (key) => {
      asked.push(key);
      return key.charCodeAt(0) % 2 === 0;
    },
    'catalog.list.serve': 'always',
  });
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams });
  for (const path of ['/other', '/items']) {
    expect((await fetch(`${proxy.url}${path}`)).headers.getSetCookie()).toEqual([]);
  }
  for (let visitor = 0; visitor < 20; visitor++) {
    const first = await fetch(`${proxy.url}/items/7`);
    const [cookie = ''] = first.headers.getSetCookie();
    expect(cookie).toMatch(/^strangler_visitor=[\w-]{22}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
    const pair = cookie.split(';')[0] as string;
    const again = await fetch(`${proxy.url}/items/8`, { headers: { Cookie: `a=1; ${pair}; b=2` } });
    expect(again.headers.getSetCookie()).toEqual([]);
    expect(again.headers.get('x-served-by')).toBe(first.headers.get('x-served-by'));
    expect(asked.at(-1)).toBe(pair.split('=')[1]);
    expect(asked.at(-2)).toBe(asked.at(-1));
  }
});

test('X-Served-By can be switched off, and then the upstream has the name for itself', async () => {
  const monolith = await startUpstream((_request, response) => response.setHeader('X-Served-By', 'shop-3').end());
  const off = await startProxy({ upstreams: { monolith: monolith.url }, servedBy: false });
  expect(await servedBy(off, '/')).toBe('shop-3');
  const on = await startProxy({ upstreams: { monolith: monolith.url } });
  expect(await servedBy(on, '/')).toBe('monolith');
});

test('mounted in Express, below a path too, it passes on what the client sent and announces nobody', async () => {
  const monolith = await named('monolith');
  const proxy = createProxy({ migrations: [], upstreams: { monolith: monolith.url } });
  const app = express();
  app.use('/shop', proxy.handler);
  const server = createServer(app).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await proxy.close();
  });
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/shop/a//b?c=%20`);
  expect(await answer.text()).toBe('monolith /shop/a//b?c=%20');
  expect(answer.headers.has('x-powered-by')).toBe(false);
});

test('a body parser before the proxy is called by its name', async () => {
  const proxy = createProxy({ migrations: [], upstreams: { monolith: 'http://127.0.0.1:1' } });
  const app = express();
  app.use(express.json(), proxy.handler);
  const server = createServer(app).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await proxy.close();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = await fetch(url, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } });
  expect(await answer.json()).toMatchObject({ status: 500, code: 'body-already-read' });
});

test('what a shadow is told is what was sent and answered', async () => {
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const told: unknown[] = [];
  const shadow = {
    start({ control, candidate, method, target, route, headers }: Record<string, unknown>) {
      told.push({ control, candidate, method, target, route: (route as { id: string }).id });
      expect(headers).toContain('X-Request-Id');
      return {
        head: (status: number) => void told.push(status),
        data: (chunk: Buffer) => void told.push(String(chunk)),
        end: () => void told.push('end'),
        abort: () => void told.push('abort'),
      };
    },
  };
  const flags = testFlags({ 'catalog.item.shadow': 'always', 'catalog.create.shadow': 'always' });
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams, shadow: shadow as never });
  await servedBy(proxy, '/items/7?a=1');
  const route = { control: 'monolith', candidate: 'catalog', method: 'GET', target: '/items/7?a=1', route: 'item' };
  await until(() => told.length === 4);
  expect(told).toEqual([route, 200, 'monolith /items/7?a=1', 'end']);
  await servedBy(proxy, '/items', { method: 'POST' });
  await servedBy(proxy, '/items');
  expect(told).toHaveLength(4);
});

test('metrics name a route, never a path', async () => {
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const flags = testFlags({ 'catalog.item.serve': 'always' });
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams });
  await servedBy(proxy, '/items/123');
  await servedBy(proxy, '/secret');
  const text = await proxy.proxy.metrics.registry.metrics();
  expect(text).toContain(
    'strangler_proxy_requests_total{route="catalog.item",upstream="catalog",side="service",why="live",status_class="2xx"} 1',
  );
  expect(text).toContain(
    'route="undeclared",upstream="monolith",side="monolith",why="undeclared",status_class="2xx"} 1',
  );
  expect(text).toMatch(/strangler_proxy_request_duration_seconds_count\{route="catalog.item".*\} 1/);
  expect(text).not.toMatch(/123|secret/);
  expect(proxy.proxy.routes().find(({ id }) => id === 'item')).toMatchObject({
    stage: 'live',
    owner: 'monolith',
    requests: { monolith: 0, service: 1 },
  });
});

test('a migration without its upstream does not start', () => {
  expect(() => createProxy({ migrations: [catalog], upstreams: { monolith: 'http://127.0.0.1:1' } })).toThrow(
    'upstream catalog is missing: the migration catalog names it',
  );
});

function unchunked({ fields, body }: { fields: string[]; body: string }): string {
  if (!fields.includes('Transfer-Encoding: chunked')) return body;
  return body.replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n/g, '$1');
}
