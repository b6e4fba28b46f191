import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { SampleGroup, ShadowStats } from '../shadow/index.ts';
import { type AdminOptions, type AdminRoute, createAdmin } from './index.ts';

const route: AdminRoute = {
  capability: 'catalog',
  id: 'list',
  method: 'GET',
  path: '/api/products',
  kind: 'read',
  service: 'catalog',
  stage: 'canary',
  owner: 'monolith',
  share: 0.2,
  shadowShare: 1,
  requests: { monolith: 80, service: 20 },
};

const stats: ShadowStats = { routes: [], inFlight: 0, queued: 0, bufferedBytes: 0, circuits: [] };
const group: SampleGroup = {
  places: ['status value'],
  count: 2,
  firstAt: '2026-01-01',
  lastAt: '2026-01-02',
  samples: [],
};

async function start(options: Partial<AdminOptions> = {}): Promise<string> {
  const app = createAdmin({
    routes: () => [route],
    shadow: { stats: () => stats, samples: (_, id) => (id === 'list' ? [group] : []) },
    registry: new Registry(),
    ...options,
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const manual = { redirect: 'manual' } as const;

it('says that it lives, and why it is not ready', async () => {
  let reasons: readonly string[] = ['starting'];
  const url = await start({ notReady: () => reasons, notices: () => ['flags are kept'], token: 'secret' });
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  const starting = await fetch(`${url}/readyz`);
  expect([starting.status, await starting.json()]).toEqual([
    503,
    { status: 'not ready', reasons: ['starting'], notices: ['flags are kept'] },
  ]);
  reasons = [];
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/metrics`)).headers.get('content-type')).toContain('text/plain');
});

it('lists routes with their stage, and says null where nothing was compared', async () => {
  const url = await start();
  const read = async (path: string) => (await (await fetch(url + path)).json()) as Record<string, unknown>;
  expect((await read('/api/routes')).routes).toEqual([
    {
      capability: 'catalog',
      route: 'list',
      method: 'GET',
      path: '/api/products',
      kind: 'read',
      service: 'catalog',
      stage: 'canary',
      owner: 'monolith',
      share: 0.2,
      shadow_share: 1,
      requests: { monolith: 80, service: 20 },
      comparisons: { match: 0, mismatch: 0, ignored: 0, stale: 0, error: 0 },
      skipped: {},
      rules: [],
      noise: [],
      parity: { value: null, sample: 0, interval: null },
      latency: {
        control: { p50_ms: null, p99_ms: null, sample: 0 },
        candidate: { p50_ms: null, p99_ms: null, sample: 0 },
      },
      mismatch_groups: [{ places: ['status value'], count: 2, last_at: '2026-01-02' }],
    },
  ]);
  expect((await read('/api/samples/catalog/list')).groups).toEqual([group]);
  const unknown = await fetch(`${url}/api/samples/catalog/other`);
  expect([unknown.status, unknown.headers.get('content-type')]).toEqual([
    404,
    'application/problem+json; charset=utf-8',
  ]);
});

it('shows the upstreams with their bounds, and how often these were reached', async () => {
  const instance = { origin: 'http://a:1', state: 'ejected', inFlight: 1, ejections: 3 } as const;
  const counts = { inFlight: 1, inFlightMax: 5, refusedBusy: 6, refusedCircuitOpen: 7, secondTries: 8 };
  const url = await start({ upstreams: () => [{ name: 'catalog', ...counts, instances: [instance] }] });
  const { upstreams } = (await (await fetch(`${url}/api/routes`)).json()) as { upstreams: unknown };
  expect(upstreams).toEqual([
    {
      upstream: 'catalog',
      in_flight: 1,
      in_flight_max: 5,
      not_admitted: { busy: 6, circuit_open: 7 },
      second_tries: 8,
      instances: [{ origin: 'http://a:1', state: 'ejected', in_flight: 1, ejections: 3 }],
    },
  ]);
});

it('lets nobody run scripts of others on its page, or frame it', async () => {
  const url = await start();
  for (const path of ['/', '/page.js', '/login', '/api/routes', '/nothing']) {
    const { headers } = await fetch(url + path);
    expect(headers.get('content-security-policy')).toMatch(
      /default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/,
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

it('serves every file that its pages name, and names none from elsewhere', async () => {
  const url = await start();
  for (const path of ['/', '/login', '/page.js', '/sample.js']) {
    const text = await (await fetch(url + path)).text();
    const named = [...text.matchAll(/(?:src|href)="([^"#]+)"|from '([^']+)'/g)].map(([, a, b]) => a ?? b!);
    for (const name of named) {
      expect(name).toMatch(/^\.?\//);
      expect((await fetch(new URL(name, url))).status).toBe(200);
    }
  }
});

it('without a token is read on this machine only, under a name of this machine', async () => {
  const url = await start();
  expect((await fetch(`${url}/api/routes`)).status).toBe(200);
  const status = await new Promise((resolve) => {
    // What a page elsewhere reaches after its name was rebound to 127.0.0.1.
    httpRequest(`${url}/api/routes`, { headers: { Host: 'evil.example' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).end();
  });
  expect(status).toBe(403);
});

it('with a token wants it from programs', async () => {
  const url = await start({ token: 'correct horse' });
  const read = (headers: Record<string, string>) => fetch(`${url}/api/routes`, { ...manual, headers });
  const refused = await read({});
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect((await read({ Authorization: 'Bearer wrong' })).status).toBe(401);
  expect((await read({ Authorization: 'Basic correct' })).status).toBe(401);
  expect((await read({ Cookie: `strangler_admin=${Date.now() + 1e6}.forged` })).status).toBe(401);
  const open = await start({ token: 'correct' });
  expect((await fetch(`${open}/api/routes`, { headers: { Authorization: 'Bearer correct' } })).status).toBe(200);
});

it('with a token signs people in, with a cookie that scripts and other sites cannot use', async () => {
  const url = await start({ token: 'correct' });
  const page = await fetch(url, { ...manual, headers: { Accept: 'text/html' } });
  expect([page.status, page.headers.get('location')]).toEqual([303, '/login']);
  const signIn = (token: string) =>
    fetch(`${url}/login`, { ...manual, method: 'POST', body: new URLSearchParams({ token }) });
  const wrong = await signIn('<b>wrong');
  expect(wrong.status).toBe(401);
  expect(await wrong.text()).not.toContain('<b>');
  const right = await signIn('correct');
  const cookie = right.headers.get('set-cookie') ?? '';
  expect(right.status).toBe(303);
  expect(cookie).toMatch(/^strangler_admin=\d+\.[\w-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  const [value = ''] = cookie.split(';');
  expect((await fetch(url, { ...manual, headers: { Cookie: value } })).status).toBe(200);
  const [, expires = ''] = /=(\d+)/.exec(value) ?? [];
  const longer = value.replace(expires, String(Number(expires) + 1000));
  expect((await fetch(`${url}/api/routes`, { headers: { Cookie: longer } })).status).toBe(401);
  const other = await start({ token: 'changed' });
  expect((await fetch(`${other}/api/routes`, { headers: { Cookie: value } })).status).toBe(401);
});

it('forgets who signed in after twelve hours', async () => {
  const url = await start({ token: 'correct' });
  const right = await fetch(`${url}/login`, {
    ...manual,
    method: 'POST',
    body: new URLSearchParams({ token: 'correct' }),
  });
  const [cookie = ''] = (right.headers.get('set-cookie') ?? '').split(';');
  const status = async () => (await fetch(`${url}/api/routes`, { headers: { Cookie: cookie } })).status;
  expect(await status()).toBe(200);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 12 * 60 * 60 * 1000 });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  expect(await status()).toBe(401);
});

it('answers a malformed request with the client’s fault', async () => {
  const url = await start({ token: 'secret' });
  const huge = await fetch(`${url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ token: 'x'.repeat(10_000) }),
  });
  expect(huge.status).toBe(413);
});
