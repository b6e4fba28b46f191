import { once } from 'node:events';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { catalog, startProxy, startUpstream, testFlags } from '../test-support/servers.ts';
import { cookieFrom, cookiesTo } from './own-cookies.ts';

const flags = testFlags({ 'catalog.item.serve': 'always', 'catalog.socket.serve': 'always' });

/** Both sides use a cookie called `sid`; each answers with the Cookie field that it got. */
async function startBoth(cookies?: 'shared') {
  const monolith = await startUpstream((request, response) => {
    response.setHeader('Set-Cookie', 'sid=of-the-monolith; Path=/; HttpOnly').end(request.headers.cookie);
  });
  const service = await startUpstream((request, response) => {
    const set = [
      'sid=of-the-service; Path=/; HttpOnly',
      '__Host-csrf=x; Secure; Path=/',
      '=sid=nameless',
      'gone=; Max-Age=0',
    ];
    response.writeHead(200, { 'Set-Cookie': set }).end(request.headers.cookie);
  });
  const upstreams = {
    monolith: monolith.url,
    catalog: { url: service.url, ...(cookies === undefined ? {} : { cookies }) },
  };
  return { service, proxy: await startProxy({ migrations: [catalog], upstreams, flags }) };
}

test("a service sets a cookie of the same name, and the monolith's session is still there", async () => {
  const { proxy } = await startBoth();
  const set = (await fetch(`${proxy.url}/items/7`)).headers.getSetCookie();
  expect(set).toEqual([
    'strangler.catalog.sid=of-the-service; Path=/; HttpOnly',
    '__Host-strangler.catalog.csrf=x; Secure; Path=/',
    'strangler.catalog.gone=; Max-Age=0',
  ]);
  expect((await fetch(`${proxy.url}/page`)).headers.getSetCookie()).toEqual(['sid=of-the-monolith; Path=/; HttpOnly']);
  const Cookie = 'sid=of-the-monolith; a=1; strangler.catalog.sid=of-the-service; strangler.orders.sid=x; b="2 3"';
  const get = async (path: string) => (await fetch(proxy.url + path, { headers: { Cookie } })).text();
  expect(await get('/items/7')).toBe('a=1; b="2 3"; sid=of-the-service');
  expect(await get('/page')).toBe(Cookie);
});

test('a Cookie field without cookies of services reaches a service byte for byte', async () => {
  const { proxy } = await startBoth();
  const Cookie = 'sid=1;a;  b=2;;c="x;y"; sid=3';
  expect(await (await fetch(`${proxy.url}/items/7`, { headers: { Cookie } })).text()).toBe(Cookie);
});

test('a service that is to share its cookies with the monolith does', async () => {
  const { proxy } = await startBoth('shared');
  const answer = await fetch(`${proxy.url}/items/7`, { headers: { Cookie: 'strangler.catalog.sid=1' } });
  expect(answer.headers.getSetCookie()).toContain('sid=of-the-service; Path=/; HttpOnly');
  expect(await answer.text()).toBe('strangler.catalog.sid=1');
});

test("a WebSocket's handshake has its cookies too", async () => {
  const { proxy, service } = await startBoth();
  const sockets = new WebSocketServer({ server: service.server });
  sockets.on('headers', (headers) => headers.push('Set-Cookie: sid=by-handshake'));
  sockets.on('connection', (socket, request) => socket.send(String(request.headers.cookie)));
  const socket = new WebSocket(`${proxy.url.replace('http', 'ws')}/live`, {
    headers: { Cookie: 'strangler.catalog.sid=1' },
  });
  const upgraded = once(socket, 'upgrade');
  const [message] = await once(socket, 'message');
  expect(String(message)).toBe('sid=1');
  const [{ headers }] = await upgraded;
  expect(headers['set-cookie']).toEqual(['strangler.catalog.sid=by-handshake']);
  socket.terminate();
  sockets.close();
});

test('what goes to the client under another name comes back under its own', () => {
  for (const cookie of ['sid=1', '__Host-sid=a=b', '__Secure-x.y=z', 'a.b.c=', 'strangler.catalog.sid=1']) {
    expect(cookiesTo('catalog', cookieFrom('catalog', cookie) as string)).toBe(cookie);
    expect(cookiesTo('orders', cookieFrom('catalog', cookie) as string)).toBe('');
  }
});
