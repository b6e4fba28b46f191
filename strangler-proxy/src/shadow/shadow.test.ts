import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { ignore, type Migration, type Route } from 'strangler-migrations/define';
import { afterEach, expect, it } from 'vitest';
import { createUpstreams } from '../forward/upstreams.ts';
import { type CatchUp, createShadow, type Shadow, type ShadowLimits, type ShadowRequest } from './index.ts';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const route: Route = {
  id: 'list',
  kind: 'read',
  method: 'GET',
  path: '/api/products',
  compare: [ignore('/took', 'Time taken')],
};
const migration: Migration = { capability: 'catalog', service: 'catalog', routes: [route], tables: [], follows: [] };

async function listen(listener: RequestListener): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Bench {
  readonly shadow: Shadow;
  readonly registry: Registry;
  readonly received: readonly IncomingMessage[];
  readonly faults: readonly unknown[];
  readonly candidate: Server;
}

async function bench(
  candidate: RequestListener,
  limits: Partial<ShadowLimits> = {},
  options: { readonly now?: () => number; readonly catchUp?: CatchUp } = {},
): Promise<Bench> {
  const received: IncomingMessage[] = [];
  const { url, server } = await listen((request, response) => {
    received.push(request);
    candidate(request, response);
  });
  const upstreams = createUpstreams({ monolith: url, catalog: url });
  const registry = new Registry();
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const quiet = { noiseShare: 0, ...limits };
  const shadow = createShadow({ upstreams, registry, limits: quiet, samples: { intervalMs: 0 }, onFault, ...options });
  closers.push(async () => {
    await shadow.close();
    await upstreams.destroy();
  });
  return { shadow, registry, received, faults, candidate: server };
}

const answering =
  (body: string, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(body);
  };

const hanging: RequestListener = () => {};

/** Starts a shadow and lets the control answer at once, as the forwarding would report it. */
function serve(shadow: Shadow, body = '{"a":1}', request: Partial<ShadowRequest> = {}): boolean {
  const tap = shadow.start({
    route,
    migration,
    control: 'monolith',
    candidate: 'catalog',
    served: 'control',
    method: 'GET',
    target: '/api/products?page=2',
    headers: ['Host', 'shop.example'],
    ...request,
  });
  tap?.head(200, ['Content-Type', 'application/json']);
  tap?.data(Buffer.from(body));
  tap?.end();
  return tap !== undefined;
}

function counts(shadow: Shadow): Readonly<Record<string, number>> {
  const [stats] = shadow.stats().routes;
  const all = { ...stats?.outcomes, ...stats?.skipped };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}

async function settled(shadow: Shadow, expected: Readonly<Record<string, number>>): Promise<void> {
  await expect.poll(() => counts(shadow), { timeout: 10_000, interval: 5 }).toEqual(expected);
}

it('asks the candidate exactly once, as the client asked, marked and in a child span', async () => {
  const { shadow, received } = await bench(answering('{"a":1}'));
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  serve(shadow, '{"a":1}', {
    target: '/api/products?q=%2F..&q=1',
    headers: [
      'Host',
      'shop.example',
      'traceparent',
      `00-${trace}-00f067aa0ba902b7-01`,
      'If-None-Match',
      '"1"',
      'X-Shadow-Request',
      'no',
      'Cookie',
      'a=1',
      'Content-Length',
      '0',
      'Connection',
      'keep-alive',
    ],
  });
  await settled(shadow, { match: 1 });
  expect(received).toHaveLength(1);
  const [{ url, headers, method }] = received as [IncomingMessage];
  expect({ url, method }).toEqual({ url: '/api/products?q=%2F..&q=1', method: 'GET' });
  expect(headers).toMatchObject({
    host: 'shop.example',
    cookie: 'a=1',
    'if-none-match': '"1"',
    'x-shadow-request': 'true',
  });
  expect(headers.traceparent).toMatch(new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  expect(headers['content-length']).toBeUndefined();
});

it('counts outcomes apart, and parity with its sample size', async () => {
  let body = '{"a":1}';
  const { shadow, registry } = await bench((request, response) => answering(body)(request, response));
  serve(shadow);
  serve(shadow);
  await settled(shadow, { match: 2 });
  body = '{"a":1,"took":5}';
  serve(shadow);
  await settled(shadow, { match: 2, ignored: 1 });
  body = '{"a":2}';
  serve(shadow);
  await settled(shadow, { match: 2, ignored: 1, mismatch: 1 });
  const [stats] = shadow.stats().routes;
  expect(stats?.parity).toMatchObject({ value: 2 / 3, sample: 3 });
  expect(stats?.rules).toMatchObject([{ rule: 'ignore /took', uses: 1, expired: false, dead: false }]);
  expect(stats?.latency.candidate.sample).toBe(4);
  const metrics = await registry.metrics();
  expect(metrics).toContain(
    'strangler_shadow_comparisons_total{capability="catalog",route="list",outcome="mismatch"} 1',
  );
  expect(metrics).toContain(
    'strangler_shadow_answer_seconds_count{capability="catalog",route="list",side="control"} 4',
  );
  expect(shadow.stats()).toMatchObject({ inFlight: 0, queued: 0, bufferedBytes: 0 });
});

it('never sends a write', async () => {
  const { shadow, received } = await bench(answering('{}'));
  expect(serve(shadow, '{}', { method: 'POST' })).toBe(false);
  expect(counts(shadow)).toEqual({ unsafe_method: 1 });
  expect(received).toHaveLength(0);
});

it('leaves a dead candidate alone after some failures, probes it once, and comes back', async () => {
  let now = 0;
  const { shadow, candidate, received } = await bench(
    answering('{"a":1}'),
    { circuitFailures: 2, circuitOpenMs: 50 },
    { now: () => now },
  );
  const { port } = candidate.address() as AddressInfo;
  candidate.close();
  await once(candidate, 'close');
  serve(shadow);
  await settled(shadow, { error: 1 });
  serve(shadow);
  await settled(shadow, { error: 2 });
  expect(serve(shadow)).toBe(false);
  expect(counts(shadow)).toEqual({ error: 2, circuit_open: 1 });
  expect(shadow.stats().circuits).toEqual([{ upstream: 'catalog', state: 'open' }]);
  expect(shadow.samples('catalog', 'list')[0]?.places).toEqual(['error: the candidate did not answer: ECONNREFUSED']);

  candidate.listen(port, '127.0.0.1');
  await once(candidate, 'listening');
  now = 50;
  expect(shadow.stats().circuits[0]?.state).toBe('half-open');
  expect([serve(shadow), serve(shadow)]).toEqual([true, false]);
  await settled(shadow, { error: 2, circuit_open: 2, match: 1 });
  expect(shadow.stats().circuits[0]?.state).toBe('closed');
  expect(received).toHaveLength(1);
});

it('gives a hanging candidate up in time, and skips what goes beyond its concurrency', async () => {
  const { shadow } = await bench(hanging, { concurrency: 2, timeMs: 150 });
  expect([serve(shadow), serve(shadow), serve(shadow)]).toEqual([true, true, false]);
  expect(counts(shadow)).toEqual({ concurrency: 1 });
  await settled(shadow, { concurrency: 1, error: 2 });
  expect(shadow.samples('catalog', 'list')[0]?.places).toEqual(['error: the candidate took longer than 150 ms']);
  expect(shadow.stats()).toMatchObject({ inFlight: 0, bufferedBytes: 0 });
});

it('stops reading a candidate that never ends', async () => {
  const closed = Promise.withResolvers<void>();
  const { shadow } = await bench(
    (_request, response) => {
      response.on('close', closed.resolve);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * 1024))) {}
      };
      response.on('drain', more);
      more();
    },
    { answerBytes: 100_000 },
  );
  serve(shadow);
  await settled(shadow, { error: 1 });
  await closed.promise;
  expect(shadow.samples('catalog', 'list')[0]?.places).toEqual([
    'error: the candidate answers with more than 100000 bytes',
  ]);
  expect(shadow.stats()).toMatchObject({ inFlight: 0, bufferedBytes: 0 });
});

it('counts a broken answer of the candidate as an error', async () => {
  const { shadow } = await bench((_request, response) => {
    response.writeHead(200, { 'Content-Length': '1000' });
    response.write('x', () => response.destroy());
  });
  serve(shadow);
  await settled(shadow, { error: 1 });
});

it('skips what the control or the client spoils, whatever the candidate does', async () => {
  const { shadow } = await bench(hanging, { answerBytes: 10 });
  expect(serve(shadow, 'more than ten bytes')).toBe(true);
  await settled(shadow, { served_too_large: 1 });
  const tap = shadow.start({
    route,
    migration,
    control: 'monolith',
    candidate: 'catalog',
    served: 'control',
    method: 'GET',
    target: '/',
    headers: [],
  });
  tap?.head(200, []);
  tap?.abort();
  // What still comes after the end of a shadow is of no consequence.
  tap?.data(Buffer.from('late'));
  tap?.end();
  await settled(shadow, { served_too_large: 1, served_aborted: 1 });
  expect(shadow.stats()).toMatchObject({ inFlight: 0, bufferedBytes: 0 });
});

it('sends the copy when the client has its answer, and none of an answer that breaks off', async () => {
  const { shadow, received } = await bench(answering('{"a":1}'));
  const start = () =>
    shadow.start({
      route,
      migration,
      control: 'monolith',
      candidate: 'catalog',
      served: 'control',
      method: 'GET',
      target: '/',
      headers: [],
    });
  const [whole, breaksOff] = [start(), start()];
  for (const tap of [whole, breaksOff]) {
    tap?.head(200, ['Content-Type', 'application/json']);
    tap?.data(Buffer.from('{"a":1}'));
  }
  // A copy that was sent would be there before this one.
  serve(shadow);
  await settled(shadow, { match: 1 });
  expect(received).toHaveLength(1);
  breaksOff?.abort();
  whole?.end();
  await settled(shadow, { match: 2, served_aborted: 1 });
  expect(received).toHaveLength(2);
});

it('compares an answer that was whole before the client left', async () => {
  const release = Promise.withResolvers<void>();
  const { shadow } = await bench(async (request, response) => {
    await release.promise;
    answering('{"a":1}')(request, response);
  });
  const tap = shadow.start({
    route,
    migration,
    control: 'monolith',
    candidate: 'catalog',
    served: 'control',
    method: 'GET',
    target: '/',
    headers: [],
  });
  tap?.head(200, ['Content-Type', 'application/json']);
  tap?.data(Buffer.from('{"a":1}'));
  tap?.end();
  tap?.abort();
  release.resolve();
  await settled(shadow, { match: 1 });
});

it('bounds the memory of all shadows together', async () => {
  const { shadow } = await bench(hanging, { totalBytes: 15 });
  serve(shadow, '0123456789');
  serve(shadow, '0123456789');
  await settled(shadow, { memory: 1 });
  expect(shadow.stats()).toMatchObject({ inFlight: 1, bufferedBytes: 10 });
});

it('bounds the answers that wait to be compared', async () => {
  const { shadow } = await bench(answering('{"a":1}'), { queue: 0 });
  serve(shadow);
  await settled(shadow, { queue: 1 });
});

it('compares answers as they were coded, and a HEAD without a body', async () => {
  const { shadow } = await bench((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '7' }).end();
  });
  const tap = shadow.start({
    route,
    migration,
    control: 'monolith',
    candidate: 'catalog',
    served: 'control',
    method: 'HEAD',
    target: '/api/products',
    headers: [],
  });
  tap?.head(200, ['Content-Type', 'application/json', 'Content-Length', '9']);
  tap?.end();
  await settled(shadow, { match: 1 });
});

it('survives a candidate that it does not know, and says so', async () => {
  const { shadow, faults } = await bench(answering('{}'));
  serve(shadow, '{}', { candidate: 'nobody' });
  await settled(shadow, { internal: 1 });
  expect(String(faults[0])).toContain('nobody');
});

it('gives up what is under way when it closes, and takes no more', async () => {
  const { shadow, received } = await bench(hanging);
  serve(shadow);
  await expect.poll(() => received.length, { timeout: 10_000, interval: 5 }).toBe(1);
  await shadow.close();
  expect(serve(shadow)).toBe(false);
  expect(counts(shadow)).toEqual({ stopping: 2 });
  expect(shadow.stats()).toMatchObject({ inFlight: 0, bufferedBytes: 0 });
});

it('keeps samples by the places that differ, without secrets', async () => {
  const secret = 'hunter2';
  const { shadow } = await bench((request, response) => {
    const page = new URL(request.url ?? '', 'http://x').searchParams.get('page');
    const body = {
      products: [
        { id: 1, price: '9.9' },
        { id: 2, price: page === '2' ? '1' : '2' },
      ],
      session: { password: `${secret}!` },
      mail: `${secret}@shop.example`,
    };
    answering(JSON.stringify(body), { 'Set-Cookie': `sid=${secret}` })(request, response);
  });
  const control = JSON.stringify({
    products: [
      { id: 1, price: '9.90' },
      { id: 2, price: '2' },
    ],
    session: { password: secret },
    mail: `${secret}@shop.example`,
  });
  const headers = [
    'Authorization',
    `Bearer ${secret}`,
    'Cookie',
    `sid=${secret}`,
    'Referer',
    `/a?token=${secret}`,
    'Accept',
    '*/*',
  ];
  for (const page of ['1', '2', '3']) {
    serve(shadow, control, { headers, target: `/api/products?page=${page}&api_key=${secret}` });
  }
  await settled(shadow, { mismatch: 3 });
  const groups = shadow.samples('catalog', 'list');
  expect(groups).toHaveLength(1);
  expect(groups[0]).toMatchObject({
    count: 3,
    places: ['body /products/*/price value', 'body /session/password value', 'header set-cookie extra'],
  });
  const [sample] = groups[0]!.samples;
  expect(JSON.stringify(groups)).not.toContain(secret);
  expect(sample?.target).toMatch(/^\/api\/products\?page=\d&api_key=\[redacted\]$/);
  expect(sample?.headers).toContainEqual(['Accept', '*/*']);
  expect(sample?.body?.rows).toContainEqual({
    kind: 'changed',
    control: '      "price": "9.90"',
    candidate: '      "price": "9.9"',
  });
});

it('asks the control twice for a share, learns its noise, and does not count it', async () => {
  let asked = 0;
  const { shadow, received } = await bench(
    (_request, response) => {
      asked++;
      answering(JSON.stringify({ a: 1, nonce: asked }))(_request, response);
    },
    { noiseShare: 1 },
  );
  // One after the other, so that what was learned of one is known to the next.
  for (let time = 1; time <= 12; time++) {
    serve(shadow, JSON.stringify({ a: 1, nonce: -time }));
    await expect.poll(() => shadow.stats().routes[0]?.noise[0]?.control.sample, { interval: 5 }).toBe(time);
    await expect.poll(() => Object.values(counts(shadow)).reduce((sum, count) => sum + count, 0)).toBe(time);
  }
  expect(received).toHaveLength(24);
  const [stats] = shadow.stats().routes;
  expect(stats?.noise).toMatchObject([{ place: 'body /nonce value', control: { differed: 12 }, isNoise: true }]);
  expect(stats?.outcomes).toMatchObject({ mismatch: 3, ignored: 9 });
});

it('compares with the owner where the client was served by the service', async () => {
  const { shadow } = await bench(answering('{"a":1}'));
  serve(shadow, '{"a":2}', { served: 'candidate' });
  await settled(shadow, { mismatch: 1 });
  const [group] = shadow.samples('catalog', 'list');
  expect(group?.samples[0]?.comparison.differences[0]).toMatchObject({ control: '1', candidate: '2' });
  expect(group?.samples[0]?.control.upstream).toBe('monolith');
});

it('says nothing about the service where the owner’s copy failed', async () => {
  const { shadow } = await bench((_request, response) => response.destroy());
  serve(shadow, '{"a":2}', { served: 'candidate' });
  await settled(shadow, { control_failed: 1 });
});

/** Both sides of `bench` are one server: it answers as the control while `turns` says so. */
function turns(...answers: readonly (readonly ['control' | 'candidate', string])[]): RequestListener {
  const left = [...answers];
  return (request, response) => answering(left.shift()?.[1] ?? '{"a":"too many"}')(request, response);
}

const waits = (reached: boolean): CatchUp => ({ caughtUp: async () => reached });

it('calls a difference stale that is gone once the lagging store has caught up', async () => {
  const { shadow } = await bench(
    // The copy, then: the control, the candidate now that it has caught up, the control.
    turns(['candidate', '{"a":1}'], ['control', '{"a":2}'], ['candidate', '{"a":2}'], ['control', '{"a":3}']),
    {},
    { catchUp: waits(true) },
  );
  serve(shadow, '{"a":2}');
  await settled(shadow, { stale: 1 });
});

it('calls a difference that still stands a mismatch, and shows the later answers', async () => {
  const { shadow } = await bench(
    turns(['candidate', '{"a":1}'], ['control', '{"a":2}'], ['candidate', '{"a":9}'], ['control', '{"a":2}']),
    {},
    { catchUp: waits(true) },
  );
  serve(shadow, '{"a":2}');
  await settled(shadow, { mismatch: 1 });
  const [difference] = shadow.samples('catalog', 'list')[0]!.samples[0]!.comparison.differences;
  expect(difference).toMatchObject({ control: '2', candidate: '9' });
});

it('gives no alarm where the owner writes faster than anyone can look', async () => {
  let writes = 0;
  const { shadow } = await bench(
    (request, response) => answering(`{"a":${writes++}}`)(request, response),
    {},
    { catchUp: waits(true) },
  );
  serve(shadow, '{"a":-1}');
  await settled(shadow, { unsettled: 1 });
});

it('finds a wrong field beside one that the owner keeps writing', async () => {
  let writes = 0;
  const { shadow } = await bench(
    (request, response) => {
      writes++;
      // Copy, control, candidate, control.
      const isCandidate = writes === 1 || writes === 3;
      answering(`{"hits":${writes},"price":${isCandidate ? 1 : 2}}`)(request, response);
    },
    {},
    { catchUp: waits(true) },
  );
  serve(shadow, '{"hits":0,"price":2}');
  await settled(shadow, { mismatch: 1 });
});

it('does not call a mismatch what it cannot tell: the store did not catch up', async () => {
  const { shadow } = await bench(answering('{"a":1}'), {}, { catchUp: waits(false) });
  serve(shadow, '{"a":2}');
  await settled(shadow, { unsettled: 1 });
});

it('compares nothing new while as many mismatches as may be are looked at once more, be it right or wrong', async () => {
  const reached = Promise.withResolvers<boolean>();
  const { shadow, received } = await bench(
    answering('{"a":1}'),
    { rechecks: 1 },
    { catchUp: { caughtUp: () => reached.promise } },
  );
  serve(shadow, '{"a":2}');
  // The copy, and the control once more.
  await expect.poll(() => received.length, { interval: 5 }).toBe(2);
  expect(serve(shadow, '{"a":1}')).toBe(false);
  expect(serve(shadow, '{"a":2}')).toBe(false);
  reached.resolve(true);
  await settled(shadow, { rechecks: 2, stale: 1 });
  expect(serve(shadow, '{"a":1}')).toBe(true);
});
