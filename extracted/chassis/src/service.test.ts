import { once } from 'node:events';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ContractAnswers } from './answer.ts';
import { commonSettings, readConfiguration } from './configuration.ts';
import { createLogger } from './log.ts';
import { loadDocument } from './openapi.ts';
import type { Operation } from './operations.ts';
import { Problem } from './problem.ts';
import { type RunningService, startService } from './service.ts';

const SECRET = 'a secret of a test, long enough to be one';
const document = await loadDocument(new URL('../testing/greetings.openapi.yaml', import.meta.url));

let service: RunningService;
let logged: Record<string, unknown>[];
let closed: number;
let greet: Operation;
let taught: unknown;
let contractAnswers: ContractAnswers;

async function start(deadlineMs = 10_000): Promise<void> {
  const destination = new Writable({
    write: (line, _encoding, done) => {
      logged.push(JSON.parse(line));
      done();
    },
  });
  const environment = {
    DATABASE_URL: 'postgres://nowhere/x',
    IDENTITY_SECRET: SECRET,
    STOP_DEADLINE_MS: String(deadlineMs),
  };
  service = await startService(
    {
      name: 'greetings',
      document,
      operations: {
        greet: (request) => greet(request),
        setGreeting: async ({ readBody }) => {
          taught = await readBody(
            async ({ words }) => (words === 'rude' ? { words: 'must be kind' } : {}) as Record<string, string>,
          );
          return { status: 200, body: {} };
        },
      },
      contractHeaders: { 'x-contract': 'yes' },
      contractAnswers,
      checks: { weather: async () => {} },
      close: async () => void closed++,
    },
    { ...readConfiguration(commonSettings, environment), PORT: 0 },
    createLogger('greetings', 'debug', destination),
  );
}

beforeEach(() => {
  logged = [];
  closed = 0;
  contractAnswers = {};
  greet = async ({ params, query }) => ({ status: 200, body: { greeting: `Hello ${params.name}`, ...query } });
});
afterEach(() => service.stop());

async function problemOf(response: Response): Promise<unknown> {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const { request_id, ...problem } = (await response.json()) as Record<string, unknown>;
  expect(request_id).toEqual(expect.any(String));
  return problem;
}

async function put(
  body: string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
  role = 'admin',
) {
  const token = await new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('7')
    .setExpirationTime('1m')
    .sign(Buffer.from(SECRET));
  return fetch(`${service.url}/greetings/Ann`, {
    method: 'PUT',
    body,
    headers: { ...headers, 'x-strangler-identity': token },
  });
}

describe('an operation', () => {
  test('answers a request that matches the document', async () => {
    await start();
    const response = await fetch(`${service.url}/greetings/Ann%20B?tone=dry&tone=warm`);
    expect(response.headers.get('x-contract')).toBe('yes');
    expect(response.headers.get('x-powered-by')).toBeNull();
    expect(await response.json()).toEqual({ greeting: 'Hello Ann B', tone: 'warm' });
  });

  test('gets a body that keeps the rules, trimmed where the document says so', async () => {
    await start();
    expect((await put('{"words":" Good day ","more":1}')).status).toBe(200);
    expect(taught).toEqual({ words: 'Good day', more: 1 });
  });

  test.each([
    ['{}', { words: 'is required' }],
    ['{"words":"far, far too many words"}', { words: 'must be up to 20 characters' }],
    ['{"times":"often","words":5}', { words: 'must be up to 20 characters', times: 'must be integer' }],
    ['{"times":"often","words":"rude"}', { words: 'must be kind', times: 'must be integer' }],
  ])('refuses the body %s, field by field', async (body, fields) => {
    await start();
    const response = await put(body);
    expect(await problemOf(response)).toEqual({
      type: 'about:blank',
      title: 'The body has faults.',
      status: 422,
      code: 'invalid-body',
      fields,
    });
  });

  test.each([
    [
      'no identity',
      () => fetch(`${service.url}/greetings/Ann`, { method: 'PUT', body: 'never read' }),
      401,
      'unauthenticated',
    ],
    ['another role', () => put('never read', {}, 'customer'), 403, 'forbidden'],
    ['broken JSON', () => put('{'), 400, 'malformed-json'],
    ['JSON that is no object', () => put('[]'), 400, 'malformed-json'],
    ['another media type', () => put('words', { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    ['a large body', () => put(JSON.stringify('x'.repeat(200_000))), 413, 'body-too-large'],
    ['a broken path', () => fetch(`${service.url}/greetings/%zz`), 400, 'malformed-request'],
    ['an unknown path', () => fetch(`${service.url}/farewells/Ann`), 404, 'unknown-route'],
    ['an unknown method', () => fetch(`${service.url}/greetings/Ann`, { method: 'DELETE' }), 405, 'method-not-allowed'],
  ])('does not get %s: a problem with a code', async (_what, send, status, code) => {
    await start();
    expect(await problemOf(await send())).toMatchObject({ status, code });
  });

  test('fails without telling why to anybody but the log', async () => {
    greet = () => Promise.reject(new Error('the wire is cut'));
    await start();
    const response = await fetch(`${service.url}/greetings/Ann`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toContain('wire');
    const { request_id } = JSON.parse(text);
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: 'error',
        request_id,
        err: expect.objectContaining({ message: 'the wire is cut' }),
      }),
    );
  });

  test("is answered in the contract's own words where it has any", async () => {
    contractAnswers = { 'unknown-route': () => ({ status: 404, body: { oops: true } }) };
    await start();
    const response = await fetch(`${service.url}/farewells/Ann`);
    expect([response.status, await response.text()]).toEqual([404, '{"oops":true}']);
  });

  test('that cannot reach its database asks to be tried again', async () => {
    greet = () => Promise.reject(Object.assign(new Error('x'), { cause: { code: 'ECONNREFUSED' } }));
    await start();
    const response = await fetch(`${service.url}/greetings/Ann`);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problemOf(response)).toMatchObject({ status: 503, code: 'database-unavailable' });
  });
});

test('a service whose code and document name different operations does not start', async () => {
  await start();
  const broken = startService(
    {
      name: 'greetings',
      document,
      operations: { greet, wave: greet },
      contractHeaders: {},
      contractAnswers: {},
      checks: {},
      close: async () => {},
    },
    { ...readConfiguration(commonSettings, { DATABASE_URL: 'postgres://nowhere/x' }), PORT: 0 },
    createLogger('greetings', 'silent'),
  );
  await expect(broken).rejects.toThrow(
    'no code for operation "setGreeting"; operation "wave" is not in the OpenAPI document',
  );
});

describe('what is seen of it', () => {
  test('every request is logged once, with its id and its trace, without its query', async () => {
    await start();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await fetch(`${service.url}/greetings/Ann?secret=1`, { headers: { traceparent, 'x-request-id': 'r-1' } });
    await vi.waitFor(() => expect(logged.filter(({ msg }) => msg === 'answered')).toHaveLength(1));
    expect(logged.at(-1)).toMatchObject({
      level: 'info',
      service: 'greetings',
      method: 'GET',
      path: '/greetings/Ann',
      route: '/greetings/{name}',
      status: 200,
      request_id: 'r-1',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      duration_ms: expect.any(Number),
    });
    expect(JSON.stringify(logged)).not.toContain('secret=1');
  });

  test('metrics are per route template; no client can make a label', async () => {
    await start();
    for (const name of ['a', 'b', 'c']) await fetch(`${service.url}/greetings/${name}`);
    await fetch(`${service.url}/nonsense/${crypto.randomUUID()}`);
    const read = async () => (await fetch(`${service.url}/metrics`)).text();
    await vi.waitFor(async () => {
      const counts = (await read())
        .split('\n')
        .filter((line) => line.startsWith('http_server_request_duration_seconds_count'));
      expect(counts.slice(0, 2)).toEqual([
        'http_server_request_duration_seconds_count{service="greetings",http_request_method="GET",http_route="/greetings/{name}",http_response_status_code="200"} 3',
        'http_server_request_duration_seconds_count{service="greetings",http_request_method="GET",http_route="unmatched",http_response_status_code="404"} 1',
      ]);
    });
  });

  test('it tells that it lives, whether it is ready, and what it understands', async () => {
    await start();
    const json = async (path: string) => (await fetch(service.url + path)).json();
    expect(await json('/livez')).toEqual({ live: true });
    expect(await json('/readyz')).toEqual({ ready: true, checks: { weather: 'ok', process: 'ok' } });
    expect(await json('/openapi.json')).toMatchObject({ openapi: '3.1.1', info: { title: 'Greetings' } });
  });
});

describe('a service that is told to stop', () => {
  test('ends what is in flight, takes nothing new, and releases what it holds once', async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    greet = async () => {
      started.resolve();
      await release.promise;
      return { status: 200, body: { greeting: 'at last' } };
    };
    await start();
    const slow = fetch(`${service.url}/greetings/Ann`);
    await started.promise;
    // A probe keeps its connection, so it can still ask once the port is shut.
    const probe = connect(Number(new URL(service.url).port), '127.0.0.1');
    await once(probe, 'connect');
    probe.write('GET /readyz HTTP/1.1\r\nHost: x\r\n');
    const stopped = service.stop();
    probe.write('\r\n');
    const [answer] = await once(probe, 'data');
    expect(String(answer)).toContain('503 Service Unavailable');
    expect(String(answer)).toContain('"process":"stopping"');
    await expect(fetch(`${service.url}/livez`)).rejects.toThrow();
    expect(closed).toBe(0);
    release.resolve();
    expect(await (await slow).json()).toEqual({ greeting: 'at last' });
    await Promise.all([stopped, service.stop()]);
    expect(closed).toBe(1);
  });

  test('cuts off at the deadline what does not end', async () => {
    const started = Promise.withResolvers<void>();
    greet = () => {
      started.resolve();
      return new Promise(() => {});
    };
    await start(50);
    const endless = fetch(`${service.url}/greetings/Ann`).catch((error: unknown) => error);
    await started.promise;
    await service.stop();
    expect(await endless).toBeInstanceOf(TypeError);
    expect(closed).toBe(1);
  });
});

test('a problem thrown by an operation is its answer', async () => {
  greet = () => Promise.reject(new Problem('forbidden'));
  await start();
  expect(await problemOf(await fetch(`${service.url}/greetings/Ann`))).toMatchObject({
    status: 403,
    code: 'forbidden',
  });
});
