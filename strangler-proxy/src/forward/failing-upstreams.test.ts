import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import {
  catalog,
  type Listening,
  sendRaw,
  startCanned,
  startProxy,
  startRawUpstream,
  startUpstream,
  type TestProxy,
  testFlags,
  until,
} from '../test-support/servers.ts';
import { upstreamNotices, upstreamStates } from './upstream-states.ts';

/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:1';
const live = testFlags({ 'catalog.item.serve': 'always' });
const serviceOwns = { ownerOf: () => 'service' as const, epochOf: () => 2 };

interface Counted extends Listening {
  asked: number;
}

async function counted(answer: string): Promise<Counted> {
  const upstream: Counted = {
    asked: 0,
    ...(await startUpstream((request, response) => {
      upstream.asked++;
      request.resume().on('end', () => response.end(answer));
    })),
  };
  return upstream;
}

/** Reads a request and closes the connection instead of answering. */
async function closing(): Promise<Counted> {
  const onData = (socket: Socket) => {
    upstream.asked++;
    socket.destroy();
  };
  const upstream: Counted = {
    asked: 0,
    ...(await startRawUpstream((socket) => socket.once('data', () => onData(socket)))),
  };
  return upstream;
}

async function text(proxy: Listening, path = '/', init: RequestInit = {}): Promise<string> {
  return (await fetch(`${proxy.url}${path}`, init)).text();
}

async function codeOf(proxy: Listening, path = '/', init: RequestInit = {}): Promise<string> {
  return ((await (await fetch(`${proxy.url}${path}`, init)).json()) as { code: string }).code;
}

const stateOf = ({ proxy }: TestProxy, name: string) =>
  upstreamStates(proxy.upstreams).find((state) => state.name === name);

test('instances take turns, and a busy one gets less', async () => {
  let held = 0;
  const slow = await startUpstream((_request, response) => {
    held++;
    response.flushHeaders();
  });
  const quick = await counted('quick');
  const proxy = await startProxy({ upstreams: { monolith: `${slow.url}, ${quick.url}` } });
  const first = await Promise.all([fetch(proxy.url), fetch(proxy.url)]);
  expect([held, quick.asked]).toEqual([1, 1]);
  for (let i = 0; i < 5; i++) expect(await text(proxy)).toBe('quick');
  expect(held).toBe(1);
  for (const answer of first) await answer.body?.cancel();
});

test('a dead instance costs nobody an answer: reads and writes of which nothing was sent go to another', async () => {
  const alive = await counted('alive');
  const proxy = await startProxy({ upstreams: { monolith: `${NOBODY},${alive.url}` } });
  for (let i = 0; i < 20; i++) {
    expect(await text(proxy)).toBe('alive');
    expect(await text(proxy, '/', { method: 'POST', body: 'a write' })).toBe('alive');
  }
  expect(alive.asked).toBe(40);
  expect(stateOf(proxy, 'monolith')).toMatchObject({
    secondTries: 5,
    instances: [{ origin: NOBODY, state: 'ejected', ejections: 1 }, { state: 'available' }],
  });
  expect(upstreamNotices(upstreamStates(proxy.proxy.upstreams))).toEqual([
    `upstream monolith: 1 of 2 available (${NOBODY} is ejected)`,
  ]);
});

test('a write that was sent is never sent again, wherever another instance is', async () => {
  const [dies, alive] = [await closing(), await counted('alive')];
  const proxy = await startProxy({ upstreams: { monolith: `${dies.url},${alive.url}` } });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    for (const init of [{ method: 'POST', body: 'x' }, { method: 'DELETE' }, { method: 'PUT', body: 'y' }]) {
      statuses.push((await fetch(proxy.url, init)).status);
    }
  }
  expect(dies.asked + alive.asked).toBe(24);
  expect(statuses.filter((status) => status === 502)).toHaveLength(dies.asked);
  expect(statuses.slice(-10)).toEqual(Array(10).fill(200));
});

test('a read whose connection closes under it is sent once more, and no more than that', async () => {
  const dies = await closing();
  const proxy = await startProxy({ upstreams: { monolith: dies.url } });
  expect((await fetch(proxy.url)).status).toBe(502);
  expect(dies.asked).toBe(2);
  expect((await fetch(proxy.url, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(dies.asked).toBe(3);
});

test('a read that the service answers with a server error is answered by the owner, and counted', async () => {
  const monolith = await counted('monolith');
  let status = 500;
  const catalogUp = await startUpstream((_request, response) => response.writeHead(status).end('broken'));
  const upstreams = { monolith: monolith.url, catalog: catalogUp.url };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  for (let i = 0; i < 10; i++) expect(await text(proxy, '/items/7')).toBe('monolith');
  expect(proxy.log[0]).toMatchObject({ upstream: 'monolith', status: 200, fallback: 'upstream-5xx' });
  // One broken page says nothing about the others; a service that says it is not there says it of all.
  expect(stateOf(proxy, 'catalog')?.instances).toMatchObject([{ state: 'available' }]);
  status = 503;
  for (let i = 0; i < 6; i++) expect(await text(proxy, '/items/7')).toBe('monolith');
  expect(stateOf(proxy, 'catalog')?.instances).toMatchObject([{ state: 'ejected' }]);
});

test('what the owner answers is the answer, a server error too', async () => {
  const monolith = await startUpstream((_request, response) => response.writeHead(503).end('closed for today'));
  const proxy = await startProxy({ upstreams: { monolith: monolith.url } });
  for (let i = 0; i < 20; i++) expect(await text(proxy)).toBe('closed for today');
});

test('a dead service is soon asked no more: reads go to the owner, writes of its own fail at once', async () => {
  const monolith = await counted('monolith');
  const silent = await startRawUpstream(() => {});
  const upstreams = {
    monolith: monolith.url,
    catalog: { url: silent.url, headersTimeoutMs: 100, failuresMax: 2, ejectMs: 60_000 },
  };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  for (let i = 0; i < 4; i++) expect(await text(proxy, '/items/7')).toBe('monolith');
  expect(proxy.log.map(({ fallback }) => fallback)).toEqual([
    ...Array(2).fill('upstream-timeout'),
    ...Array(2).fill('upstream-circuit-open'),
  ]);

  const owned = await startProxy({ migrations: [catalog], ownership: serviceOwns, upstreams });
  const write = { method: 'POST', body: 'x' };
  expect(await codeOf(owned, '/items', write)).toBe('upstream-timeout');
  expect(await codeOf(owned, '/items', write)).toBe('upstream-timeout');
  const refused = await fetch(`${owned.url}/items`, write);
  expect([refused.status, refused.headers.get('proxy-status'), refused.headers.get('retry-after')]).toEqual([
    503,
    'strangler-proxy; error=destination_unavailable; next-hop=catalog',
    '1',
  ]);
  expect(stateOf(owned, 'catalog')).toMatchObject({ refusedCircuitOpen: 1 });
  expect(await text(owned, '/elsewhere')).toBe('monolith');
});

test('a service that is back is used again after one probe', async () => {
  const monolith = await counted('monolith');
  let isUp = false;
  const service = await startUpstream((_request, response) => {
    if (isUp) response.end('service');
    else response.socket?.destroy();
  });
  const upstreams = { monolith: monolith.url, catalog: { url: service.url, failuresMax: 1, ejectMs: 50 } };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  expect(await text(proxy, '/items/7')).toBe('monolith');
  isUp = true;
  await until(async () => (await text(proxy, '/items/7')) === 'service');
  expect(proxy.log.every(({ status }) => status === 200)).toBe(true);
});

test('a probe whose client leaves says nothing, and the next request is the probe', async () => {
  const monolith = await counted('monolith');
  let conduct: 'close' | 'think' | 'answer' = 'close';
  let thinking = 0;
  const service = await startUpstream((_request, response) => {
    if (conduct === 'close') response.socket?.destroy();
    else if (conduct === 'answer') response.end('service');
    else thinking++;
  });
  const upstreams = { monolith: monolith.url, catalog: { url: service.url, failuresMax: 1, ejectMs: 400 } };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  expect(await text(proxy, '/items/7')).toBe('monolith');
  conduct = 'think';
  await until(() => stateOf(proxy, 'catalog')?.instances[0]?.state === 'probing');
  const leaves = new AbortController();
  const left = fetch(`${proxy.url}/items/7`, { signal: leaves.signal }).catch(() => 'left');
  await until(() => thinking === 1);
  leaves.abort();
  expect(await left).toBe('left');
  await until(() => stateOf(proxy, 'catalog')?.inFlight === 0);
  conduct = 'answer';
  expect(await text(proxy, '/items/7')).toBe('service');
});

test('the monolith is asked however often it failed: nobody else could answer', async () => {
  let isUp = false;
  const monolith = await startUpstream((_request, response) => {
    if (isUp) response.end('back');
    else response.socket?.destroy();
  });
  const proxy = await startProxy({ upstreams: { monolith: { url: monolith.url, ejectMs: 60_000 } } });
  for (let i = 0; i < 10; i++) expect((await fetch(proxy.url)).status).toBe(502);
  expect(stateOf(proxy, 'monolith')?.instances).toMatchObject([{ state: 'ejected' }]);
  isUp = true;
  expect(await text(proxy)).toBe('back');
});

test("a client's fault, or its leaving, never counts against an upstream", async () => {
  const thinks = await startUpstream((request) => void request.resume());
  const proxy = await startProxy({ upstreams: { monolith: { url: thinks.url, failuresMax: 1 } } });
  const bad = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
  expect((await sendRaw(proxy.port, bad)).received).toMatch(/^HTTP\/1\.1 400 /);
  const leaves = new AbortController();
  const left = fetch(proxy.url, { signal: leaves.signal }).catch(() => 'left');
  await until(() => proxy.proxy.upstreams.get('monolith').inFlight === 1);
  leaves.abort();
  expect(await left).toBe('left');
  await until(() => proxy.log.length === 2);
  expect(proxy.log.map(({ failure }) => failure)).toEqual(['request-malformed', 'client-gone']);
  expect(stateOf(proxy, 'monolith')).toMatchObject({ inFlight: 0, instances: [{ state: 'available', inFlight: 0 }] });
});

test('a service that answers and then breaks off every time is ejected', async () => {
  const breaksOff = await startCanned('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', (socket) => socket.destroy());
  const monolith = await counted('monolith');
  const upstreams = { monolith: monolith.url, catalog: breaksOff.url };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  await until(async () => (await text(proxy, '/items/7').catch(() => '')) === 'monolith');
  expect(stateOf(proxy, 'catalog')?.instances).toMatchObject([{ state: 'ejected' }]);
});

test('an instance that says it is not well is not asked, and is again when it says it is', async () => {
  let isWell = false;
  let checked = 0;
  const service = await startUpstream((request, response) => {
    if (request.url === '/readyz') {
      checked++;
      response.writeHead(isWell ? 200 : 503);
    }
    response.end('service');
  });
  const monolith = await counted('monolith');
  const settings = { url: service.url, healthPath: '/readyz', healthIntervalMs: 10 };
  const upstreams = { monolith: monolith.url, catalog: settings };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  await until(() => stateOf(proxy, 'catalog')?.instances[0]?.state === 'unhealthy');
  expect(await text(proxy, '/items/7')).toBe('monolith');
  // A check may be wrong: where nobody else can answer, it turns nobody away.
  const owned = await startProxy({ migrations: [catalog], ownership: serviceOwns, upstreams });
  await until(() => stateOf(owned, 'catalog')?.instances[0]?.state === 'unhealthy');
  expect(await text(owned, '/items', { method: 'POST' })).toBe('service');
  isWell = true;
  await until(async () => (await text(proxy, '/items/7')) === 'service');
  await Promise.all([proxy.proxy.close(), owned.proxy.close()]);
  const before = checked;
  await new Promise((wake) => setTimeout(wake, 60));
  // One check of each proxy may have been under way.
  expect(checked - before).toBeLessThanOrEqual(2);
});

test('a read that the owner answers in the place of an ejected service is compared with nobody', async () => {
  const monolith = await counted('monolith');
  const upstreams = { monolith: monolith.url, catalog: { url: NOBODY, failuresMax: 1, ejectMs: 60_000 } };
  const flags = testFlags({ 'catalog.item.serve': 'always', 'catalog.item.shadow': 'always' });
  const seen: string[] = [];
  const tap = {
    head: () => void seen.push('head'),
    data: () => void seen.push('data'),
    end: () => void seen.push('end'),
    abort: () => void seen.push('abort'),
  };
  const shadow = { start: () => tap } as never;
  const proxy = await startProxy({ migrations: [catalog], flags, upstreams, shadow });
  for (let i = 0; i < 2; i++) expect(await text(proxy, '/items/7')).toBe('monolith');
  expect(proxy.log.map(({ fallback }) => fallback)).toEqual(['upstream-refused', 'upstream-circuit-open']);
  expect(seen).toEqual(['abort', 'abort']);
});

test('a WebSocket takes a place like any request, and is refused where there is none', async () => {
  const agrees = await startRawUpstream((socket) =>
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      );
    }),
  );
  const upgrade =
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const proxy = await startProxy({ upstreams: { monolith: { url: agrees.url, inFlightMax: 1 } } });
  const client = connect(proxy.port, '127.0.0.1');
  client.write(upgrade);
  await until(() => proxy.log.length === 1);
  expect(proxy.log).toMatchObject([{ status: 101 }]);
  expect((await sendRaw(proxy.port, upgrade)).received).toMatch(/^HTTP\/1\.1 503 [\s\S]*"upstream-busy"/);
  client.destroy();
  await until(() => stateOf(proxy, 'monolith')?.inFlight === 0);
  expect(stateOf(proxy, 'monolith')).toMatchObject({ refusedBusy: 1, instances: [{ inFlight: 0 }] });
});

test('a full bulkhead sends reads to the owner, and leaves the monolith alone', async () => {
  const hangs = await startUpstream((_request, response) => response.flushHeaders());
  const monolith = await counted('monolith');
  const upstreams = { monolith: monolith.url, catalog: { url: hangs.url, inFlightMax: 2 } };
  const proxy = await startProxy({ migrations: [catalog], flags: live, upstreams });
  const held = await Promise.all([1, 2].map(() => fetch(`${proxy.url}/items/7`)));
  for (let i = 0; i < 5; i++) expect(await text(proxy, '/items/7')).toBe('monolith');
  expect(stateOf(proxy, 'catalog')).toMatchObject({ inFlight: 2, refusedBusy: 5 });
  const metrics = await proxy.proxy.metrics.registry.metrics();
  expect(metrics).toContain('strangler_proxy_not_admitted_total{upstream="catalog",code="upstream-busy"} 5');
  expect(metrics).toContain('strangler_proxy_in_flight_requests_max{upstream="catalog"} 2');
  expect(metrics).toContain('strangler_proxy_instances{upstream="catalog",state="available"} 1');
  expect(upstreamNotices(upstreamStates(proxy.proxy.upstreams))).toEqual([
    'upstream catalog: 2 requests under way, no more are let in',
  ]);
  for (const answer of held) await answer.body?.cancel();
});

test('a request may take no longer than its total time, before its answer and within it', async () => {
  const silent = await startRawUpstream(() => {});
  const drips = await startUpstream((request, response) => {
    response.write('x');
    const drip = setInterval(() => response.write('x'), 10);
    request.socket.on('close', () => clearInterval(drip));
  });
  const before = await startProxy({ upstreams: { monolith: { url: silent.url, totalTimeoutMs: 100 } } });
  const answer = await fetch(before.url);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([504, 'upstream-total-timeout']);
  const within = await startProxy({ upstreams: { monolith: { url: drips.url, totalTimeoutMs: 100 } } });
  await expect(text(within)).rejects.toThrow();
  await until(() => within.log.length === 1);
  expect(within.log).toMatchObject([{ status: 200, failure: 'answer-cut' }]);
});

test('an answer that stands still is cut off', async () => {
  const stands = await startCanned('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
  const proxy = await startProxy({ upstreams: { monolith: { url: stands.url, idleTimeoutMs: 100 } } });
  await expect(text(proxy)).rejects.toThrow();
  await until(() => proxy.log.length === 1);
  expect(proxy.log).toMatchObject([{ failure: 'answer-cut' }]);
});

test('a connection that does not come about is given up in time, and a write of which nothing was sent goes elsewhere', async () => {
  // Listens, and is then stopped: the system completes as many connections as it may queue, and lets the rest wait.
  const program =
    "require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })";
  const stopped = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void stopped.kill('SIGKILL'));
  const [line] = (await once(stopped.stdout, 'data')) as [Buffer];
  const port = Number(line);
  stopped.kill('SIGSTOP');
  const queued = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => {
    for (const socket of queued) socket.destroy();
  });
  await until(() => queued.some((socket) => socket.readyState === 'open'));

  const deaf = { url: `http://127.0.0.1:${port}`, connectTimeoutMs: 100 };
  const alone = await startProxy({ upstreams: { monolith: deaf } });
  expect(await codeOf(alone)).toBe('upstream-connect-timeout');
  const alive = await counted('alive');
  const two = await startProxy({ upstreams: { monolith: { ...deaf, url: `${deaf.url},${alive.url}` } } });
  for (let i = 0; i < 4; i++) expect(await text(two, '/', { method: 'POST', body: 'a write' })).toBe('alive');
  expect(alive.asked).toBe(4);
});
