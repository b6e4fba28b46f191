import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { createUpstreams } from '../forward/upstreams.ts';
import { SILENT } from '../logger.ts';
import { createShadow } from '../shadow/index.ts';
import { catalog, startProxy, startUpstream, testFlags, until } from '../test-support/servers.ts';
import { isOn, openTracing } from './open-tracing.ts';
import { createTracing } from './tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const GIVEN = `00-${TRACE}-b7ad6b7169203331-01`;

/** A proxy that keeps its spans, and upstreams that keep the fields that they got. */
async function start(serve: 'never' | 'always' = 'never', status = 200) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const got: Record<string, NodeJS.Dict<string | string[]>> = {};
  const named = (name: string, code = 200) =>
    startUpstream((request, response) => {
      // What differs is asked for again; the first is the one that is meant.
      got[name] ??= request.headers;
      response.writeHead(code).end(name);
    });
  const addresses = { monolith: (await named('monolith')).url, catalog: (await named('catalog', status)).url };
  const upstreams = createUpstreams(addresses);
  const shadow = createShadow({ upstreams, registry: new Registry() });
  onTestFinished(() => shadow.close());
  const flags = testFlags({
    'catalog.item.serve': serve,
    'catalog.item.shadow': serve === 'never' ? 'always' : 'never',
  });
  const tracing = createTracing(provider.getTracer('test'));
  const proxy = await startProxy({ migrations: [catalog], upstreams, flags, shadow, tracing });
  const spans = async (count: number) => {
    await until(() => exporter.getFinishedSpans().length === count);
    return exporter.getFinishedSpans();
  };
  return { proxy, got, spans };
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const parentIdOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const find = (spans: readonly ReadableSpan[], upstream: string) =>
  spans.find(({ attributes, kind }) => kind === 2 && attributes['strangler.upstream'] === upstream)!;

test('a request is a span of a server, its call one of a client and its shadow another, within the trace of the client', async () => {
  const { proxy, got, spans } = await start();
  const headers = { traceparent: GIVEN, tracestate: 'b=2,a=1' };
  await (await fetch(`${proxy.url}/items/7?secret=1`, { headers })).text();
  const all = await spans(3);
  const server = all.find(({ kind }) => kind === 1)!;
  const [call, copy] = [find(all, 'monolith'), find(all, 'catalog')];
  expect(server).toMatchObject({
    name: 'GET /items/:id',
    parentSpanContext: { spanId: 'b7ad6b7169203331', isRemote: true },
  });
  expect(server.attributes).toEqual({
    ...{
      'http.request.method': 'GET',
      'url.path': '/items/7',
      'http.route': '/items/:id',
      'http.response.status_code': 200,
    },
    ...{
      'strangler.route': 'catalog.item',
      'strangler.upstream': 'monolith',
      'strangler.side': 'monolith',
      'strangler.why': 'off',
    },
  });
  expect([call, copy].map(parentIdOf)).toEqual([idOf(server), idOf(server)]);
  expect(copy.attributes['strangler.shadow']).toBe(true);
  expect(all.every((span) => span.spanContext().traceId === TRACE)).toBe(true);
  expect(got.monolith).toMatchObject({ traceparent: `00-${TRACE}-${idOf(call)}-01`, tracestate: 'b=2,a=1' });
  expect(got.catalog).toMatchObject({ traceparent: `00-${TRACE}-${idOf(copy)}-01`, 'x-shadow-request': 'true' });
});

test('a read that falls back has a span for each call, and says why', async () => {
  const { proxy, got, spans } = await start('always', 500);
  await (await fetch(`${proxy.url}/items/7`)).text();
  const all = await spans(3);
  const server = all.find(({ kind }) => kind === 1)!;
  const [failed, served] = [find(all, 'catalog'), find(all, 'monolith')];
  expect(server.attributes).toMatchObject({ 'strangler.fallback': 'upstream-5xx', 'strangler.upstream': 'monolith' });
  expect(failed).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'upstream-5xx' } });
  expect(served.attributes['http.response.status_code']).toBe(200);
  const { traceId } = server.spanContext();
  expect(got.catalog?.traceparent).toBe(`00-${traceId}-${idOf(failed)}-01`);
  expect(got.monolith?.traceparent).toBe(`00-${traceId}-${idOf(served)}-01`);
  expect(got.monolith?.['x-request-id']).toBe(traceId);
  expect(proxy.log.at(-1)?.requestId).toBe(traceId);
});

test.for([
  ['is none', 'garbage'],
  ['has a trace of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['has a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['is of the version that there cannot be', `ff-${TRACE}-b7ad6b7169203331-01`],
  ['is in capitals', GIVEN.toUpperCase()],
])('a traceparent that %s begins a trace of its own, and its tracestate is dropped', async ([, traceparent = '']) => {
  const { proxy, got, spans } = await start();
  await (await fetch(`${proxy.url}/page`, { headers: { traceparent, tracestate: 'a=1' } })).text();
  const [call, server] = await spans(2);
  expect(server).toMatchObject({ name: 'GET', parentSpanContext: undefined });
  expect(server!.spanContext().traceId).not.toBe(TRACE);
  expect(got.monolith?.traceparent).toBe(`00-${call!.spanContext().traceId}-${idOf(call!)}-01`);
  expect(got.monolith?.tracestate).toBeUndefined();
});

test('what the proxy answers itself is a span of a server alone', async () => {
  const { proxy, spans } = await start();
  await fetch(`${proxy.url}/page`, { headers: { expect: 'x' } }).catch(() => {});
  await (await fetch(proxy.url, { headers: { via: '1.1 strangler-proxy, 1.1 strangler-proxy' } })).text();
  const all = await spans(1);
  expect(all[0]).toMatchObject({ kind: 1, status: { code: 2 }, attributes: { 'error.type': 'request-loop' } });
});

test.for<[NodeJS.ProcessEnv, boolean]>([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, false],
  [{ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' }, false],
])('with %o traces are exported: %s', ([env, expected]) => {
  expect(isOn(env)).toBe(expected);
});

test('spans arrive at a collector, with the name of the service', async () => {
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(`${request.url} ${body}`);
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const before = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  onTestFinished(() => {
    if (before === undefined) delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    else process.env.OTEL_EXPORTER_OTLP_ENDPOINT = before;
  });
  const tracing = await openTracing(process.env, SILENT);
  tracing?.refused({ method: 'GET', path: '/a', template: undefined, route: 'undeclared' }, 400, 'request-refused');
  await tracing?.close();
  expect(bodies).toHaveLength(1);
  expect(bodies[0]).toMatch(/^\/v1\/traces .*strangler-proxy.*request-refused/s);
});
