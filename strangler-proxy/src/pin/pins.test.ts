import { createServer } from 'node:net';
import { Registry } from 'prom-client';
import { defineMigration, write as write_ } from 'strangler-migrations/define';
import { expect, onTestFinished, test } from 'vitest';
import type { Ownership, Side } from '../decide/ownership.ts';
import { catalog, startProxy, startUpstream, type TestProxy, testFlags, until } from '../test-support/servers.ts';
import { createPinSigner } from './pin-token.ts';
import { createPins, type PinsOptions } from './pins.ts';
import { type CookieJar, cookieJar, startTwoStores, type TwoStores, twoDatabases } from './testing/two-stores.ts';

const databases = twoDatabases();
const KEY = 'k'.repeat(32);
const OTHER_KEY = 'o'.repeat(32);
const owned = (side: Side, epoch: number): Ownership => ({ ownerOf: () => side, epochOf: () => epoch });

/** A proxy whose reads are all the service's by flag, unless a pin says otherwise. */
async function startPinned(
  stores: Pick<TwoStores, 'upstreams' | 'databases'>,
  ownership = owned('monolith', 1),
  options: Partial<PinsOptions> = {},
): Promise<TestProxy & { metrics(): Promise<string>; notices(): readonly string[] }> {
  const registry = new Registry();
  const { databases, upstreams } = stores;
  const pins = createPins({ migrations: [catalog], databases, keys: [KEY], registry, ...options });
  onTestFinished(() => pins.close());
  const serve = ownership.ownerOf('catalog') === 'monolith' ? 'always' : 'never';
  const flags = testFlags({ 'catalog.item.serve': serve, 'catalog.list.serve': serve });
  const proxy = await startProxy({ migrations: [catalog], upstreams, flags, pins, ownership });
  return { ...proxy, metrics: () => registry.metrics(), notices: () => pins.notices() };
}

async function write(proxy: TestProxy, jar: CookieJar, id: string, value: number): Promise<Response> {
  const url = `${proxy.url}/items?id=${id}&value=${value}`;
  const answer = await fetch(url, { method: 'POST', headers: jar.header() });
  jar.take(answer);
  await answer.arrayBuffer();
  return answer;
}

async function read(proxy: TestProxy, jar: CookieJar, id: string): Promise<{ value: number; by: string | null }> {
  const answer = await fetch(`${proxy.url}/items/${id}`, { headers: jar.header() });
  jar.take(answer);
  return { value: Number(await answer.text()), by: answer.headers.get('x-served-by') };
}

const pins = (jar: CookieJar) => jar.names().filter((name) => name.startsWith('strangler_pin_'));

test('nobody reads older data than they wrote, over two proxies and a slow change stream, and every pin ends', async () => {
  const stores = await startTwoStores(databases);
  const proxies = [await startPinned(stores), await startPinned(stores)];
  const any = () => proxies[Math.floor(Math.random() * proxies.length)] as TestProxy;
  let isOver = false;
  const stream = (async () => {
    while (!isOver) await stores.carry(20 + Math.random() * 100);
  })();
  let older = 0;
  let last = 0;
  const jars = await Promise.all(
    Array.from({ length: 12 }, async (_, number) => {
      const jar = cookieJar();
      const id = `client-${number}`;
      for (let round = 0; round < 12; round++) {
        // Several at once: their answers come in any order.
        const values = Array.from({ length: 1 + (round % 3) }, () => ++last);
        await Promise.all(values.map((value) => write(any(), jar, id, value)));
        const newest = Math.max(...values);
        for (let reads = 0; reads < 4; reads++) if ((await read(any(), jar, id)).value < newest) older++;
      }
      return jar;
    }),
  );
  expect(older).toBe(0);
  for (const jar of jars) {
    for (const proxy of proxies) await until(async () => (await read(proxy, jar, 'client-0')).by === 'catalog');
    expect(pins(jar)).toEqual([]);
  }
  for (const proxy of proxies) {
    const whys = new Set(proxy.log.map(({ why }) => why));
    expect([...whys].sort()).toEqual(['live', 'pin', 'write']);
  }
  isOver = true;
  await stream;
});

test('without a pin the same client reads what was there before: the stores of this test do lag', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  await write(proxy, cookieJar(), 'a', 1);
  expect(await read(proxy, cookieJar(), 'a')).toEqual({ value: 0, by: 'catalog' });
});

test('after a cut-over the service owns, and its writer stays there until the monolith has the change', async () => {
  const stores = await startTwoStores(databases, 'catalog');
  const proxy = await startPinned(stores, owned('service', 2));
  const jar = cookieJar();
  expect((await write(proxy, jar, 'a', 1)).headers.get('x-served-by')).toBe('catalog');
  expect(pins(jar)).toHaveLength(1);
  expect(await read(proxy, jar, 'a')).toEqual({ value: 1, by: 'catalog' });
  expect(proxy.log.at(-1)?.why).toBe('pin');
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog' && pins(jar).length === 0);
  expect(proxy.log.at(-1)?.why).toBe('off');
});

test('a proxy that has not heard of the new owner serves who wrote there from there', async () => {
  const stores = await startTwoStores(databases, 'catalog');
  const [knows, lags] = [
    await startPinned(stores, owned('service', 2)),
    await startPinned(stores, owned('monolith', 1)),
  ];
  const jar = cookieJar();
  await write(knows, jar, 'a', 1);
  expect(await read(lags, jar, 'a')).toEqual({ value: 1, by: 'catalog' });
  expect(lags.log.at(-1)?.why).toBe('pin');
});

test('a pin of an older epoch is renewed at the present owner', async () => {
  const stores = await startTwoStores(databases);
  const [before, after] = [await startPinned(stores), await startPinned(stores, owned('monolith', 2))];
  const jar = cookieJar();
  await write(before, jar, 'a', 1);
  const [old] = pins(jar);
  await stores.carry(0);
  // The look at the log runs beside the request; what is not known when the answer comes is known at the next.
  await until(async () => {
    const { by } = await read(after, jar, 'a');
    return by === 'monolith' && !pins(jar).includes(old as string);
  });
  expect(pins(jar)).toHaveLength(1);
  await stores.carry(0);
  await until(async () => (await read(after, jar, 'a')).by === 'catalog');
  expect(pins(jar)).toEqual([]);
  expect(await after.metrics()).toContain('strangler_proxy_pins_total{capability="catalog",event="renewed"} 1');
});

test('a forged pin moves nobody but its sender, only to the owner, and is taken back', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  const forger = createPinSigner([OTHER_KEY]);
  const jar = cookieJar();
  const place = { history: '1-1', lsn: 0xffffffffffffn };
  jar.set('strangler_pin_AAAAAAAA', forger.sign({ capability: 'catalog', epoch: 9, owner: 'service', place }));
  expect((await read(proxy, jar, 'a')).by).toBe('monolith');
  await until(async () => {
    await read(proxy, jar, 'a');
    return !pins(jar).includes('strangler_pin_AAAAAAAA');
  });
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
  expect(pins(jar)).toEqual([]);
  expect(await proxy.metrics()).toMatch(/event="not-ours"\} \d/);
});

test('a pin that is played back later does nothing, and one of another capability neither', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  const jar = cookieJar();
  await write(proxy, jar, 'a', 1);
  const replayed = jar.header();
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
  for (let i = 0; i < 3; i++) {
    const answer = await fetch(`${proxy.url}/items/a`, { headers: replayed });
    expect(answer.headers.get('x-served-by')).toBe('catalog');
    await answer.arrayBuffer();
  }
  const other = createPinSigner([KEY]).sign({ capability: 'orders', epoch: 1, owner: 'monolith', place: undefined });
  jar.set('strangler_pin_BBBBBBBB', other);
  expect((await read(proxy, jar, 'a')).by).toBe('catalog');
  expect(pins(jar)).toEqual(['strangler_pin_BBBBBBBB']);
});

test('a key can be replaced: the old one is still known', async () => {
  const stores = await startTwoStores(databases);
  const [old, renewed] = [
    await startPinned(stores, undefined, { keys: [OTHER_KEY] }),
    await startPinned(stores, undefined, { keys: [KEY, OTHER_KEY] }),
  ];
  const jar = cookieJar();
  await write(old, jar, 'a', 1);
  expect(await read(renewed, jar, 'a')).toEqual({ value: 1, by: 'monolith' });
  expect(await renewed.metrics()).not.toContain('not-ours');
});

test('who has no pin costs the databases nothing, not even a connection', async () => {
  const stores = await startTwoStores(databases);
  let connections = 0;
  const counting = createServer((socket) => {
    connections++;
    socket.on('error', () => {}).destroy();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void counting.close());
  await until(() => counting.listening);
  const url = `postgres://x@127.0.0.1:${(counting.address() as { port: number }).port}/x`;
  const proxy = await startPinned({ ...stores, databases: { monolith: url, catalog: url } });
  const jar = cookieJar();
  jar.set('session', 'strangler');
  for (let i = 0; i < 20; i++) await read(proxy, jar, 'a');
  expect(connections).toBe(0);
  await write(proxy, jar, 'a', 1);
  await until(() => connections > 0);
});

test('a database that takes connections and never answers holds a write back for a moment, and reads not at all', async () => {
  const stores = await startTwoStores(databases);
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  await until(() => silent.listening);
  const { port } = silent.address() as { port: number };
  const unreachable = { ...databases, monolith: `postgres://x@127.0.0.1:${port}/x` };
  const proxy = await startPinned({ ...stores, databases: unreachable }, undefined, { lookUpBoundMs: 50 });
  const jar = cookieJar();
  expect((await write(proxy, jar, 'a', 1)).status).toBe(201);
  expect(pins(jar)).toHaveLength(1);
  await stores.carry(0);
  // Nobody knows where the write is, so its writer stays with the owner, whatever the other side has.
  for (let i = 0; i < 5; i++) expect(await read(proxy, jar, 'a')).toEqual({ value: 1, by: 'monolith' });
  expect(await proxy.metrics()).toContain('strangler_proxy_pins_total{capability="catalog",event="given-unknown"} 1');
  await until(() => proxy.notices().length > 0);
  expect(proxy.notices()[0]).toContain('The database of monolith cannot be asked how far it is');
  // Another instance that can ask finds the place out, and the pin ends there.
  const well = await startPinned(stores);
  await until(async () => (await read(well, jar, 'a')).by === 'monolith' && (await well.metrics()).includes('renewed'));
  await stores.carry(0);
  await until(async () => (await read(well, jar, 'a')).by === 'catalog');
  expect(pins(jar)).toEqual([]);
});

test('while the position of the other store cannot be read, who wrote stays with the owner', async () => {
  const stores = await startTwoStores(databases);
  await stores.run('catalog', 'ALTER TABLE strangler.stream RENAME TO gone');
  const proxy = await startPinned(stores);
  const jar = cookieJar();
  await write(proxy, jar, 'a', 1);
  for (let i = 0; i < 5; i++) expect((await read(proxy, jar, 'a')).by).toBe('monolith');
  await until(() => proxy.notices().length > 0);
  expect(proxy.notices()[0]).toContain('strangler.stream');
  await stores.run('catalog', 'ALTER TABLE strangler.gone RENAME TO stream');
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
  expect(proxy.notices()).toEqual([]);
});

test('what is set aside on its way is not there: its writer stays with the owner until it is settled', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  const jar = cookieJar();
  await write(proxy, jar, 'a', 1);
  await stores.run('catalog', `INSERT INTO strangler.dead_letter VALUES ('catalog', 'forward')`);
  await stores.carry(0);
  for (let i = 0; i < 20; i++) {
    expect((await read(proxy, jar, 'a')).by).toBe('monolith');
    await new Promise((wake) => setTimeout(wake, 10));
  }
  await stores.run('catalog', 'DELETE FROM strangler.dead_letter');
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
});

test('a place of another history says nothing: the pin is renewed', async () => {
  const stores = await startTwoStores(databases);
  await stores.carry(0);
  const proxy = await startPinned(stores);
  const jar = cookieJar();
  // As after a failover: the log of the server that answered the write is not the one that the stream reads now.
  const token = { capability: 'catalog', epoch: 1, owner: 'monolith', place: { history: '1-1', lsn: 1n } } as const;
  jar.set('strangler_pin_AAAAAAAA', createPinSigner([KEY]).sign(token));
  await until(
    async () => (await read(proxy, jar, 'a')).by === 'monolith' && (await proxy.metrics()).includes('renewed'),
  );
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
});

test('a write that nobody answered may have been done: its client is pinned; one that was never sent is not', async () => {
  const stores = await startTwoStores(databases);
  const cut = await startUpstream((request) => request.socket.destroy());
  const upstreams = { ...stores.upstreams, monolith: cut.url };
  const proxy = await startPinned({ ...stores, upstreams });
  const jar = cookieJar();
  expect((await write(proxy, jar, 'a', 1)).status).toBe(502);
  expect(pins(jar)).toHaveLength(1);
  const refusing = await startPinned({ ...stores, upstreams: { ...upstreams, monolith: 'http://127.0.0.1:1' } });
  const other = cookieJar();
  expect((await write(refusing, other, 'a', 1)).status).toBe(502);
  expect(pins(other)).toEqual([]);
});

test('a form of the monolith that nobody declared pins what it may have changed, if a service may serve it', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  const jar = cookieJar();
  const post = async (to: TestProxy) => {
    const answer = await fetch(`${to.url}/admin/form?id=a&value=7`, { method: 'POST', headers: jar.header() });
    jar.take(answer);
    await answer.arrayBuffer();
  };
  await post(proxy);
  expect(await read(proxy, jar, 'a')).toEqual({ value: 7, by: 'monolith' });
  await stores.carry(0);
  await until(async () => (await read(proxy, jar, 'a')).by === 'catalog');
  expect(pins(jar)).toEqual([]);
  // After the cut-over the monolith changes nothing of it.
  await post(await startPinned(stores, owned('service', 2)));
  expect(pins(jar)).toEqual([]);
});

test('a write of one capability pins another that may follow its tables', async () => {
  const stores = await startTwoStores(databases);
  const ratings = { ...catalog, capability: 'ratings', service: 'catalog', routes: [] };
  const reviews = defineMigration({
    capability: 'reviews',
    service: 'catalog',
    routes: { create: write_('POST /reviews') },
    tables: [],
  });
  const registry = new Registry();
  const made = createPins({ migrations: [catalog, ratings, reviews], databases, keys: [KEY], registry });
  onTestFinished(() => made.close());
  const flags = testFlags({ 'catalog.item.serve': 'always' });
  const migrations = [catalog, ratings, reviews];
  const proxy = await startProxy({ migrations, upstreams: stores.upstreams, flags, pins: made });
  const jar = cookieJar();
  jar.take(await fetch(`${proxy.url}/reviews?id=a&value=3`, { method: 'POST' }));
  expect(pins(jar)).toHaveLength(2);
  expect(await read(proxy, jar, 'a')).toEqual({ value: 3, by: 'monolith' });
});

test('a client without cookies gets its pin in a header, and sends it back', async () => {
  const stores = await startTwoStores(databases);
  const proxy = await startPinned(stores);
  const token = (await write(proxy, cookieJar(), 'a', 1)).headers.get('x-strangler-pin') ?? '';
  expect(token).toMatch(/^1\.catalog\.1\.monolith\.\d+-1\.[0-9a-f]+\.[\w-]{22}$/);
  const ask = () => fetch(`${proxy.url}/items/a`, { headers: { 'X-Strangler-Pin': token } });
  expect((await ask()).headers.get('x-served-by')).toBe('monolith');
  await stores.carry(0);
  await until(async () => (await ask()).headers.get('x-served-by') === 'catalog');
});

test('an answer that is larger than what is held back reaches the client whole', async () => {
  const stores = await startTwoStores(databases);
  const large = Buffer.alloc(3_000_000, 'x');
  const upstream = await startUpstream((_request, response) => response.writeHead(200).end(large));
  const proxy = await startPinned({ ...stores, upstreams: { ...stores.upstreams, monolith: upstream.url } });
  const answer = await fetch(`${proxy.url}/items`, { method: 'POST' });
  expect(Buffer.from(await answer.arrayBuffer()).equals(large)).toBe(true);
  expect(answer.headers.getSetCookie().join()).toContain('strangler_pin_');
});

test('whoever waits for the other side is told once it has what the owner had, and not before', async () => {
  const stores = await startTwoStores(databases);
  const registry = new Registry();
  const pins = createPins({ migrations: [catalog], databases: stores.databases, keys: [KEY], registry });
  onTestFinished(() => pins.close());
  const proxy = await startPinned(stores);
  await write(proxy, cookieJar(), 'a', 1);
  expect(await pins.caughtUp('catalog', 'monolith', 300)).toBe(false);
  const waiting = pins.caughtUp('catalog', 'monolith', 20_000);
  await stores.carry(0);
  expect(await waiting).toBe(true);
  expect(await pins.caughtUp('nobody', 'monolith', 300)).toBe(false);
});
