import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { Registry } from 'prom-client';
import { defineIdentity } from 'strangler-migrations/define';
import { expect, onTestFinished, test } from 'vitest';
import { createAdmin } from '../admin/index.ts';
import { createUpstreams } from '../forward/upstreams.ts';
import type { ProxyOptions } from '../proxy.ts';
import { createShadow } from '../shadow/index.ts';
import { catalog, startProxy, startUpstream, type TestProxy, testFlags, until } from '../test-support/servers.ts';
import { createIdentity, type IdentityOptions } from './identity.ts';
import { keptKeys } from './identity-keys.ts';

const declaration = defineIdentity({
  session: { cookie: 'sid' },
  ask: '/me',
  read({ status, body }) {
    if (status !== 200) return undefined;
    const { user } = body as { user: { id: number; role: string } | null };
    return user === null ? undefined : { subject: String(user.id), role: user.role };
  },
});

/** A shop with sessions, a service, a proxy that tells the one whose they are, and what everybody got. */
interface Shop {
  readonly proxy: TestProxy;
  /** The sessions that the monolith knows. */
  readonly sessions: Map<string, { id: number; role: string }>;
  /** Questions that the monolith was asked. */
  readonly asked: IncomingHttpHeaders[];
  readonly gotByMonolith: IncomingHttpHeaders[];
  readonly gotByService: IncomingHttpHeaders[];
  readonly logged: string[];
  /** What the monolith does when it is asked; by default it answers. */
  answer: (respond: () => void, fail: () => void) => void;
  /** What a service makes of the header: who is asking. */
  verify(token: unknown, audience?: string): Promise<JWTPayload>;
  get(path: string, session?: string, headers?: Record<string, string>): Promise<Response>;
}

async function startShop(
  options: Partial<ProxyOptions> = {},
  identityOptions: Partial<IdentityOptions> = {},
): Promise<Shop> {
  const state = await stateFolder();
  const sessions = new Map([['anna', { id: 7, role: 'admin' }]]);
  const [asked, gotByMonolith, gotByService]: IncomingHttpHeaders[][] = [[], [], []];
  const logged: string[] = [];
  const monolith = await startUpstream((request, response) => {
    const [, sid = ''] = /sid=([^;]*)/.exec(request.headers.cookie ?? '') ?? [];
    if (request.url === '/me') {
      asked?.push(request.headers);
      const respond = () => response.end(JSON.stringify({ user: sessions.get(sid) ?? null }));
      shop.answer(respond, () => response.writeHead(500).end());
      return;
    }
    if (request.url === '/logout') sessions.delete(sid);
    if (request.url === '/login') sessions.set(sid, { id: 8, role: 'customer' });
    gotByMonolith?.push(request.headers);
    response.end('monolith');
  });
  const service = await startUpstream((request, response) => {
    gotByService?.push(request.headers);
    response.end('monolith');
  });
  const upstreams = createUpstreams({ monolith: monolith.url, catalog: service.url });
  const keys = await keptKeys(state);
  const identity = createIdentity({
    ...{ declaration, keys, upstreams, registry: new Registry() },
    logger: { ...console, warn: (...said: unknown[]) => void logged.push(JSON.stringify(said)) },
    ...identityOptions,
  });
  const flags = testFlags({ 'catalog.item.serve': 'always' });
  const proxy = await startProxy({ migrations: [catalog], upstreams, flags, identity, ...options });
  const shadow = { stats: () => ({}), samples: () => [] } as never;
  const registry = new Registry();
  const admin = createServer(
    createAdmin({ routes: () => [], shadow, registry, token: 'a token of the pages', identityKeys: keys.published }),
  ).listen(0, '127.0.0.1');
  onTestFinished(() => {
    keys.close();
    admin.close();
    admin.closeAllConnections();
  });
  await until(() => admin.listening);
  const { port } = admin.address() as AddressInfo;
  const published = createRemoteJWKSet(new URL(`http://127.0.0.1:${port}/.well-known/jwks.json`));
  const shop: Shop = {
    ...({ proxy, sessions, asked, gotByMonolith, gotByService, logged } as Pick<
      Shop,
      'proxy' | 'sessions' | 'asked' | 'gotByMonolith' | 'gotByService' | 'logged'
    >),
    answer: (respond) => respond(),
    async verify(token, audience = 'catalog') {
      const { payload } = await jwtVerify(String(token), published, { issuer: 'strangler-proxy', audience });
      return payload;
    },
    get: (path, session, headers = {}) =>
      fetch(proxy.url + path, {
        headers: { ...headers, ...(session === undefined ? {} : { Cookie: `a=1; sid=${session}; b=2` }) },
      }),
  };
  return shop;
}

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-identity-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const serviceOwns = { ownerOf: () => 'service' as const, epochOf: () => 2 };

test('whoever claims in our name to be somebody is nobody, on either side', async () => {
  const shop = await startShop();
  const claims = {
    'X-Strangler-Identity': 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluIn0.',
    'x-strangler-IDENTITY': 'again',
    X_Strangler_Identity: 'admin',
    'X-Strangler-Role': 'admin',
  };
  for (const path of ['/items/7', '/elsewhere']) await shop.get(path, undefined, claims);
  await shop.get('/items/7', 'unknown', claims);
  const got = [...shop.gotByMonolith, ...shop.gotByService];
  expect(got).toHaveLength(3);
  for (const headers of got)
    expect(Object.keys(headers).filter((name) => /strangler[-_](?:id|role)/.test(name))).toEqual([]);
});

test('a service is told who is asking in a token for it alone, signed with a published key; the monolith is not', async () => {
  const shop = await startShop();
  await shop.get('/items/7', 'anna');
  await shop.get('/elsewhere', 'anna');
  const token = shop.gotByService[0]?.['x-strangler-identity'];
  const said = await shop.verify(token);
  expect(said).toMatchObject({ sub: '7', role: 'admin', aud: 'catalog', iss: 'strangler-proxy' });
  expect((said.exp as number) - (said.iat as number)).toBe(60);
  await expect(shop.verify(token, 'orders')).rejects.toThrow(/aud/);
  expect(shop.gotByMonolith[0]).not.toHaveProperty('x-strangler-identity');
});

test('the monolith is asked with the session alone, once for many requests, and of no one without a session', async () => {
  const shop = await startShop();
  await Promise.all(Array.from({ length: 20 }, () => shop.get('/items/7', 'anna', { 'X-Secret': 's' })));
  await shop.get('/items/7');
  await shop.get('/items/7', '');
  expect(shop.asked).toHaveLength(1);
  expect(shop.asked[0]?.cookie).toBe('sid=anna');
  expect(shop.asked[0]).not.toHaveProperty('x-secret');
  const tokens = new Set(shop.gotByService.map((headers) => headers['x-strangler-identity']));
  expect(shop.gotByService).toHaveLength(22);
  expect(tokens.size).toBe(2);
});

test('one session is never taken for another', async () => {
  const shop = await startShop();
  for (let id = 0; id < 50; id++) shop.sessions.set(`s${id}`, { id, role: 'customer' });
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => shop.get('/items/7', `s${n % 50}`, { 'X-Number': String(n % 50) })),
  );
  for (const headers of shop.gotByService) {
    const { sub } = await shop.verify(headers['x-strangler-identity']);
    expect(sub).toBe(headers['x-number']);
  }
});

test('who has logged out is nobody at the next request, and elsewhere when what was known has aged', async () => {
  const shop = await startShop({}, { holdsMs: 200 });
  await shop.get('/items/7', 'anna');
  await fetch(`${shop.proxy.url}/logout`, { method: 'POST', headers: { Cookie: 'sid=anna' } });
  await shop.get('/items/7', 'anna');
  expect(shop.gotByService.map((headers) => headers['x-strangler-identity'] !== undefined)).toEqual([true, false]);
  await fetch(`${shop.proxy.url}/login`, { method: 'POST', headers: { Cookie: 'sid=anna' } });
  await shop.get('/items/7', 'anna');
  expect(await shop.verify(shop.gotByService[2]?.['x-strangler-identity'])).toMatchObject({ sub: '8' });
  shop.sessions.delete('anna');
  await until(async () => {
    await shop.get('/items/7', 'anna');
    return shop.gotByService.at(-1)?.['x-strangler-identity'] === undefined;
  });
});

test('while the monolith cannot say who is asking, it answers reads itself, and writes of a service are refused', async () => {
  const reads = await startShop();
  reads.answer = (_respond, fail) => fail();
  const answer = await reads.get('/items/7', 'anna');
  expect(answer.headers.get('x-served-by')).toBe('monolith');
  expect(reads.proxy.log.at(-1)).toMatchObject({ why: 'live', upstream: 'monolith', fallback: 'identity-unavailable' });
  expect(reads.gotByService).toEqual([]);
  const writes = await startShop({ ownership: serviceOwns });
  writes.answer = (_respond, fail) => fail();
  const refused = await fetch(`${writes.proxy.url}/items`, {
    method: 'POST',
    body: 'x',
    headers: { Cookie: 'sid=anna' },
  });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'identity-unavailable' });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(writes.gotByService).toEqual([]);
  // Who has no session needs nobody to vouch for it.
  expect((await fetch(`${writes.proxy.url}/items`, { method: 'POST', body: 'x' })).status).toBe(200);
  expect([...reads.logged, ...writes.logged].join()).toContain('500');
  expect([...reads.logged, ...writes.logged].join()).not.toContain('anna');
});

test('a monolith that never answers the question is waited for two seconds, not for ever', async () => {
  const shop = await startShop();
  shop.answer = () => {};
  const answer = await shop.get('/items/7', 'anna');
  expect(answer.headers.get('x-served-by')).toBe('monolith');
});

test('logging in does not flip a visitor: her side hangs on her own cookie', async () => {
  const flags = testFlags({ 'catalog.item.serve': (key) => key.charCodeAt(0) % 2 === 0 });
  const shop = await startShop({ flags });
  for (let n = 0; n < 20; n++) {
    const first = await shop.get('/items/7');
    const visitor = (first.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    const headers = { Cookie: `${visitor}; sid=anna` };
    const later = await fetch(`${shop.proxy.url}/items/7`, { headers });
    expect(later.headers.get('x-served-by')).toBe(first.headers.get('x-served-by'));
  }
});

test("a shadow request says who is asking too, and the client's answer does not wait for it", async () => {
  const flags = testFlags({ 'catalog.item.shadow': 'always' });
  const tapped = Promise.withResolvers<{ identity: unknown }>();
  const shadow = { start: ({ identity }: { identity: unknown }) => void tapped.resolve({ identity }) };
  const shop = await startShop({ flags, shadow: shadow as never });
  const waits = Promise.withResolvers<void>();
  shop.answer = (respond) => void waits.promise.then(respond);
  expect(await (await shop.get('/items/7', 'anna')).text()).toBe('monolith');
  const { identity } = await tapped.promise;
  expect(identity).toBeInstanceOf(Promise);
  waits.resolve();
  expect(await shop.verify(((await identity) as readonly string[])[1])).toMatchObject({ sub: '7' });
});

test('the copy of a request carries the identity, and is not sent where nobody can say', async () => {
  const made = await startShop();
  const { upstreams } = made.proxy.proxy;
  const registry = new Registry();
  const shadow = createShadow({ upstreams, registry });
  const flags = testFlags({ 'catalog.item.shadow': 'always' });
  onTestFinished(() => shadow.close());
  const keys = await keptKeys(await stateFolder());
  keys.close();
  const identity = createIdentity({ declaration, keys, upstreams, registry, logger: { ...console, warn() {} } });
  const proxy = await startProxy({ migrations: [catalog], upstreams, flags, identity, shadow });
  await (await fetch(`${proxy.url}/items/7`, { headers: { Cookie: 'sid=anna' } })).arrayBuffer();
  await until(() => made.gotByService.length === 1);
  expect(made.gotByService[0]?.['x-strangler-identity']).toMatch(/^eyJ/);
  await until(() => shadow.stats().routes[0]?.outcomes.match === 1);
  made.answer = (_respond, fail) => fail();
  await (await fetch(`${proxy.url}/items/7`, { headers: { Cookie: 'sid=berta' } })).arrayBuffer();
  await until(() => shadow.stats().routes[0]?.skipped.identity_unknown === 1);
  expect(made.gotByService).toHaveLength(1);
});

test('keys replace themselves: published before they sign and after, in a file for its owner alone', async () => {
  const state = await stateFolder();
  const day = 24 * 60 * 60 * 1000;
  const minute = 60_000;
  const at = async (time: number) => {
    const keys = await keptKeys(state, () => time);
    keys.close();
    return { signs: keys.signing().kid, published: keys.published().keys.map(({ kid }) => kid) };
  };
  const first = await at(0);
  expect(first.published).toEqual([first.signs]);
  expect(await at(20 * day)).toEqual(first);
  const replaced = await at(30 * day);
  expect(replaced.signs).toBe(first.signs);
  expect(replaced.published).toHaveLength(2);
  const later = await at(30 * day + 61 * minute);
  expect(later.published).toEqual(replaced.published);
  expect(later.signs).toBe(replaced.published[1]);
  expect((await at(30 * day + 121 * minute)).published).toEqual([later.signs]);
  const file = join(state, 'identity-keys.json');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.stringify(later)).not.toContain(JSON.parse(await readFile(file, 'utf8'))[0].jwk.d);
});

test('what is published has no private part', async () => {
  const shop = await startShop();
  await shop.get('/items/7', 'anna');
  const { kid } = decodeProtectedHeader(String(shop.gotByService[0]?.['x-strangler-identity']));
  const keys = await keptKeys(await stateFolder());
  keys.close();
  for (const key of keys.published().keys) {
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(key.kid).not.toBe(kid);
  }
});
