import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { defineMigration, read } from 'strangler-migrations/define';
import { expect, onTestFinished, test } from 'vitest';
import { createShadow } from '../shadow/index.ts';
import {
  sendRaw,
  splitAnswer,
  startProxy,
  startRawUpstream,
  startUpstream,
  testFlags,
  until,
} from '../test-support/servers.ts';
import { createUpstreams } from './upstreams.ts';

const ask = (fields: string, target = '/') =>
  `GET ${target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n${fields}\r\n`;

/** Answers every request with the same bytes, and keeps what it was asked. */
async function startCannedBehindProxy(answer: Buffer | string) {
  const asked: string[] = [];
  const upstream = await startRawUpstream((socket) => {
    socket.on('data', (chunk) => {
      asked.push(chunk.toString('latin1'));
      socket.write(typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer);
    });
  });
  return { asked, proxy: await startProxy({ upstreams: { monolith: upstream.url } }) };
}

test('each event of a stream arrives when it is sent, and not with the next one', async () => {
  let send: (event: string) => void = () => {};
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    send = (event) => void response.write(`data: ${event}\n\n`);
    send('first');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const seen: string[] = [];
  await sendRaw(proxy.port, ask('Accept: text/event-stream\r\n'), (received) => {
    const event = /data: (\w+)\n\n(?:\r\n)?$/.exec(received)?.[1];
    if (event !== undefined && seen.at(-1) !== event) {
      seen.push(event);
      // The next one is sent only now: were this one held back, nothing more would ever come.
      send(event === 'first' ? 'second' : 'third');
    }
    return event === 'third';
  });
  expect(seen).toEqual(['first', 'second', 'third']);
});

test.for([
  ['a part', 206, 'Content-Range: bytes 2-3/10\r\nContent-Length: 2\r\n', 'cd'],
  [
    'several parts',
    206,
    'Content-Type: multipart/byteranges; boundary=x\r\nContent-Length: 53\r\n',
    '--x\r\nContent-Range: bytes 0-0/10\r\n\r\na\r\n--x--\r\n'.padEnd(53),
  ],
  ['that it cannot be had', 416, 'Content-Range: bytes */10\r\nContent-Length: 0\r\n', ''],
] as const)('whoever asks for a range gets %s, as the upstream gave it', async ([, status, fields, body]) => {
  const { asked, proxy } = await startCannedBehindProxy(`HTTP/1.1 ${status} Said\r\n${fields}\r\n${body}`);
  const { received } = await sendRaw(proxy.port, ask('Range: bytes=2-3, 7-\r\nIf-Range: "v1"\r\n'));
  expect(asked[0]).toContain('Range: bytes=2-3, 7-\r\nIf-Range: "v1"\r\n');
  const answer = splitAnswer(received);
  expect(answer.statusLine).toBe(`HTTP/1.1 ${status} Said`);
  for (const field of fields.trim().split('\r\n')) expect(answer.fields).toContain(field);
  expect(answer.body).toBe(body);
});

test('a proxy without a cache keeps nothing, validates nothing and ages nothing (RFC 9111)', async () => {
  const fields = [
    'Cache-Control: public, max-age=600, s-maxage=60',
    'Age: 5',
    'ETag: W/"v1"',
    'Expires: Thu, 01 Jan 2026 00:00:00 GMT',
    'Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT',
    'Vary: Accept, Cookie',
    'Warning: 110 - "old"',
    'Pragma: no-cache',
  ];
  const { asked, proxy } = await startCannedBehindProxy(
    `HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\nContent-Length: 2\r\n\r\nok`,
  );
  const conditions = [
    'If-None-Match: W/"v1"',
    'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT',
    'Cache-Control: only-if-cached',
  ];
  for (let i = 0; i < 2; i++) {
    const { received } = await sendRaw(proxy.port, ask(`${conditions.join('\r\n')}\r\n`));
    const answer = splitAnswer(received);
    expect(answer.statusLine).toBe('HTTP/1.1 200 OK');
    expect(answer.fields.filter((field) => fields.includes(field))).toEqual(fields);
    for (const condition of conditions) expect(asked[i]).toContain(`${condition}\r\n`);
  }
  expect(asked).toHaveLength(2);
});

test('a 304 that says how long the body would be has none, and its client is not left waiting', async () => {
  const { proxy } = await startCannedBehindProxy(
    'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nContent-Length: 5000\r\n\r\n',
  );
  const { received } = await sendRaw(proxy.port, ask('If-None-Match: "v1"\r\n'));
  const { statusLine, fields, body } = splitAnswer(received);
  expect([statusLine, body]).toEqual(['HTTP/1.1 304 Not Modified', '']);
  expect(fields).toContain('Content-Length: 5000');
});

test('a compressed answer stays compressed, byte for byte', async () => {
  const body = gzipSync('the same again and again '.repeat(50));
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;
  const { asked, proxy } = await startCannedBehindProxy(Buffer.concat([Buffer.from(head), body]));
  const { received } = await sendRaw(proxy.port, ask('Accept-Encoding: gzip;q=1.0, *;q=0\r\n'));
  expect(asked[0]).toContain('Accept-Encoding: gzip;q=1.0, *;q=0\r\n');
  expect(splitAnswer(received).body).toBe(body.toString('latin1'));
});

test('several tracestate fields stay several, in their order', async () => {
  const { asked, proxy } = await startCannedBehindProxy('HTTP/1.1 204 No Content\r\n\r\n');
  const trace = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await sendRaw(proxy.port, ask(`${trace}\r\ntracestate: b=2,a=1\r\nX-Between: 1\r\ntracestate: c=3\r\n`));
  expect(asked[0]?.match(/^tracestate: .*$/gm)).toEqual(['tracestate: b=2,a=1', 'tracestate: c=3']);
});

test('two traceparents are none: neither is believed', async () => {
  const { asked, proxy } = await startCannedBehindProxy('HTTP/1.1 204 No Content\r\n\r\n');
  const trace = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n';
  await sendRaw(proxy.port, ask(trace + trace));
  const [only, ...more] = asked[0]?.match(/^traceparent: .*$/gm) ?? [];
  expect(more).toEqual([]);
  expect(only).not.toContain('0af7651916cd43dd8448eb211c80319c');
});

test('a cookie that a shadow sets never reaches the client', async () => {
  let copies = 0;
  const service = await startUpstream((_request, response) => {
    copies++;
    response.setHeader('Set-Cookie', 'shadow=1').end('x');
  });
  const monolith = await startUpstream((_request, response) => response.setHeader('Set-Cookie', 'real=1').end('x'));
  const upstreams = createUpstreams({ monolith: monolith.url, catalog: service.url });
  const shadow = createShadow({ upstreams, registry: new Registry() });
  onTestFinished(() => shadow.close());
  const migration = defineMigration({ capability: 'catalog', routes: { item: read('GET /items/:id') }, tables: [] });
  const flags = testFlags({ 'catalog.item.shadow': 'always' });
  const proxy = await startProxy({ migrations: [migration], upstreams, shadow, flags });
  const answer = await fetch(`${proxy.url}/items/7`);
  await until(() => copies > 0);
  expect(answer.headers.getSetCookie()).toEqual(['real=1']);
});

test('a canary on one route moves no request of another that also could match it', async () => {
  const named = (name: string) => startUpstream((request, response) => response.end(`${name} ${request.url}`));
  const migration = defineMigration({
    capability: 'catalog',
    routes: { item: read('GET /items/:id'), newest: read('GET /items/newest') },
    tables: [],
  });
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const flags = testFlags();
  const proxy = await startProxy({ migrations: [migration], upstreams, flags });
  const side = async (path: string) => (await (await fetch(proxy.url + path)).text()).split(' ')[0];
  flags.set('catalog.item.serve', 'always');
  expect([await side('/items/newest'), await side('/items/7')]).toEqual(['monolith', 'catalog']);
  flags.set('catalog.item.serve', 'never');
  flags.set('catalog.newest.serve', () => true);
  expect([await side('/items/newest'), await side('/items/7')]).toEqual(['catalog', 'monolith']);
});
