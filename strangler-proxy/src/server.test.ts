import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { sendRaw, startProxy, startRawUpstream, startUpstream, until } from './test-support/servers.ts';

const GOOD = 'GET /good HTTP/1.1\r\nHost: a\r\n\r\n';

test.for([
  [
    'both a length and a transfer coding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['a length that is no number', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc'],
  [
    'a transfer coding in HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a transfer coding that only looks like chunked',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  ],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['a folded field', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n folded: 2\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n'],
  ['no Host', 'GET / HTTP/1.1\r\nX-A: 1\r\n\r\n'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['two equal Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'],
  ['an absolute target and two Hosts', 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['an absolute target and an invalid Host', 'GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['an absolute target with a user', 'GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target without a host', 'GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target of another scheme', 'GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target that is none', 'GET b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a Host with two ports', 'GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n'],
  ['a Host that is a list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
  ['a list of lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc'],
  [
    'chunked twice',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a/../b@c\r\n\r\n'],
  ['a control character in a field', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: \x01\r\n\r\n'],
  ['a request line that a bare line feed cuts to HTTP/0.9', 'GET /\nx://y/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  [
    'a target for the proxy itself and two transfer codings',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a version that is spoken in frames', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
])('a request with %s is refused, and never reaches an upstream', async ([, bytes = '']) => {
  let reached = 0;
  const upstream = await startRawUpstream(() => {
    reached++;
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const { received } = await sendRaw(proxy.port, `${bytes}${GOOD}`);
  expect(received).toMatch(/^HTTP\/1\.1 (?:400|501) /);
  expect(received.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
  expect(reached).toBe(0);
});

test('a transfer coding other than chunked is refused as unknown', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const bytes = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n';
  expect((await sendRaw(proxy.port, bytes)).received).toMatch(/^HTTP\/1\.1 501 [\s\S]*"transfer-coding-unknown"/);
});

test('a malformed request behind a good one is answered after it', async () => {
  let answer: (() => void) | undefined;
  const upstream = await startUpstream((_request, response) => {
    answer = () => response.end('good');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const answered = sendRaw(proxy.port, `${GOOD}garbage\r\n\r\n`);
  await until(() => answer !== undefined);
  answer?.();
  const { received } = await answered;
  expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*good[\s\S]*HTTP\/1\.1 400 Bad Request[\s\S]*request-malformed/);
});

test('a body that turns out malformed is a 400, and does not count as a whole one upstream', async () => {
  let ended = 'open';
  const upstream = await startUpstream((request) => {
    request.on('end', () => {
      ended = 'whole';
    });
    request.on('error', () => {
      ended = 'aborted';
    });
    request.on('data', () => {
      ended = 'reading';
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const client = connect(proxy.port, '127.0.0.1');
  let received = '';
  client.on('data', (chunk) => {
    received += chunk;
  });
  client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await until(() => ended === 'reading');
  client.write('zz\r\n');
  await once(client, 'close');
  expect(received).toMatch(/^HTTP\/1\.1 400 [\s\S]*"request-malformed"/);
  await until(() => ended === 'aborted');
  expect(proxy.log).toMatchObject([{ status: 400, failure: 'request-malformed' }]);
});

test.for([
  ['both close and keep-alive', 'Connection: close\r\nConnection: keep-alive'],
  ['keep-alive in Proxy-Connection', 'Proxy-Connection: keep-alive'],
])('a connection in HTTP/1.0 that says %s is closed', async ([, fields = '']) => {
  const reached: string[] = [];
  const upstream = await startUpstream((request, response) => {
    reached.push(request.url ?? '');
    response.end('one');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const first = `GET /one HTTP/1.0\r\nHost: a\r\n${fields}\r\n\r\n`;
  const { received } = await sendRaw(proxy.port, `${first}GET /two HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*one$/);
  expect(reached).toEqual(['/one']);
});

test('what is sent behind an upgrade that is not taken up is not half lost: the connection is closed', async () => {
  const reached: string[] = [];
  const upstream = await startUpstream((request, response) => {
    reached.push(request.url ?? '');
    response.end('one');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const offer = 'PUT /one HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n';
  const hidden = 'POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n';
  const { received } = await sendRaw(proxy.port, `${offer}${hidden}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*one$/);
  expect(reached).toEqual(['/one']);
});

test('an expectation that nobody can meet is refused, and logged', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const { received } = await sendRaw(
    proxy.port,
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nConnection: close\r\n\r\n',
  );
  expect(received).toMatch(/^HTTP\/1\.1 417 [\s\S]*"expectation-unknown"/);
  expect(proxy.log).toMatchObject([{ status: 417, failure: 'expectation-unknown' }]);
});

test('a write behind a read on one connection is not begun before that is answered, and nothing overtakes it', async () => {
  const reached: string[] = [];
  const waiting: (() => void)[] = [];
  const upstream = await startUpstream((request, response) => {
    reached.push(`${request.method} ${request.url}`);
    waiting.push(() => response.end());
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const line = (method: string, target: string, fields = '') =>
    `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
  const bytes = [
    line('GET', '/1'),
    line('GET', '/2'),
    line('DELETE', '/3'),
    line('GET', '/4', 'Connection: close\r\n'),
  ];
  const answered = sendRaw(proxy.port, bytes.join(''));
  await until(() => waiting.length === 2);
  for (const answer of waiting.splice(0)) answer();
  await until(() => waiting.length === 1);
  expect(reached.slice(2)).toEqual(['DELETE /3']);
  waiting.pop()?.();
  await until(() => waiting.length === 1);
  expect(reached.slice(3)).toEqual(['GET /4']);
  waiting.pop()?.();
  expect((await answered).received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(4);
});

test('a write whose body turns out malformed while it waits behind a read never reaches an upstream', async () => {
  const reached: string[] = [];
  let answer: (() => void) | undefined;
  const upstream = await startUpstream((request, response) => {
    reached.push(request.url ?? '');
    answer = () => response.end('good');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const write = 'POST /write HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n';
  const answered = sendRaw(proxy.port, `${GOOD}${write}`);
  await until(() => answer !== undefined);
  answer?.();
  expect((await answered).received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*good[\s\S]*HTTP\/1\.1 400 Bad Request/);
  expect(reached).toEqual(['/good']);
});

test('an upgrade behind a request that is not answered yet does not answer before it', async () => {
  let answer: (() => void) | undefined;
  const upstream = await startUpstream((_request, response) => {
    answer = () => response.end('first');
  });
  upstream.server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const upgrade = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const answered = sendRaw(proxy.port, `${GOOD}${upgrade}`);
  await until(() => answer !== undefined);
  answer?.();
  expect((await answered).received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*first[\s\S]*HTTP\/1\.1 101 /);
});

test('a refused request whose body turns out malformed has one answer, and its client is not left waiting', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nTransfer-Encoding: chunked\r\n\r\n';
  const { received } = await sendRaw(proxy.port, `${head}zz\r\n`);
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 417']);

  const client = connect(proxy.port, '127.0.0.1');
  let later = '';
  client.on('data', (chunk) => {
    later += chunk;
  });
  client.write(head);
  await until(() => later.includes('expectation-unknown'));
  client.write('zz\r\n');
  await once(client, 'close');
  expect(later.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 417']);
});

test('more fields than Node takes by default arrive, all of them', async () => {
  let fields = 0;
  const upstream = await startUpstream((request, response) => {
    fields = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.startsWith('f')).length;
    response.end();
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  upstream.server.maxHeadersCount = 0;
  const many = Array.from({ length: 1_000 }, (_, i) => `f${i}: 1\r\n`).join('');
  await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${many}\r\n`);
  expect(fields).toBe(1_000);
});

test('a head that is too large is a 431', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const { received } = await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`);
  expect(received).toMatch(/^HTTP\/1\.1 431 [\s\S]*"request-head-too-large"/);
});

test('a client that stops within its upload is not waited for', async () => {
  const upstream = await startUpstream((request) => void request.resume());
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } }, { idleTimeoutMs: 200 });
  await sendRaw(proxy.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  await until(() => proxy.proxy.upstreams.get('monolith').inFlight === 0);
  expect(proxy.log).toMatchObject([{ failure: 'client-gone' }]);
});

test('an upstream that thinks for longer than a client may stand still is waited for', async () => {
  let answer: (() => void) | undefined;
  const upstream = await startUpstream((_request, response) => {
    answer = () => response.end('thought');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } }, { idleTimeoutMs: 100 });
  const answered = fetch(proxy.url);
  await until(() => answer !== undefined);
  await new Promise((wake) => setTimeout(wake, 350));
  answer?.();
  expect(await (await answered).text()).toBe('thought');
});

test('OPTIONS of the whole server, and a request that may go no further, are answered here', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const rest = 'HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  expect((await sendRaw(proxy.port, `OPTIONS * ${rest}\r\n`)).received).toMatch(/^HTTP\/1\.1 200 /);
  expect((await sendRaw(proxy.port, `OPTIONS http://a ${rest}\r\n`)).received).toMatch(/^HTTP\/1\.1 200 /);
  expect((await sendRaw(proxy.port, `OPTIONS /a ${rest}Max-Forwards: 0\r\n\r\n`)).received).toMatch(/^HTTP\/1\.1 200 /);
  expect((await sendRaw(proxy.port, `TRACE /a ${rest}Max-Forwards: 0\r\n\r\n`)).received).toMatch(/^HTTP\/1\.1 405 /);
  expect((await sendRaw(proxy.port, `CONNECT a:1 ${rest}\r\n`)).received).toMatch(/^HTTP\/1\.1 501 /);
});

test('one whose body is malformed is not answered as if it were whole, and what stands behind it is not served', async () => {
  const proxy = await startProxy({ upstreams: { monolith: 'http://127.0.0.1:1' } });
  const head = 'OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nTransfer-Encoding: chunked\r\n\r\n';
  const { received } = await sendRaw(proxy.port, `${head}\u00001\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(received.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 400']);
  const whole = await sendRaw(proxy.port, `${head}1\r\na\r\n0\r\n\r\n`, (text) => text.includes('\r\n\r\n'));
  expect(whole.received).toMatch(/^HTTP\/1\.1 200 /);
});

test('a request that comes back to its proxy again and again is ended as a loop', async () => {
  let asked = 0;
  const upstream = await startUpstream((request, response) => {
    asked++;
    // As a monolith that calls itself by its public name.
    fetch(`${proxy.url}/again`, { headers: { Via: request.headers.via ?? '' } })
      .then(async (answer) => response.writeHead(answer.status).end(await answer.text()))
      .catch(() => response.destroy());
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const answer = await fetch(proxy.url);
  expect(await answer.json()).toMatchObject({ status: 502, code: 'request-loop' });
  expect(asked).toBe(2);
  expect(proxy.log.map(({ failure }) => failure)).toEqual(['request-loop', undefined, undefined]);
});

test.for([
  ['counts down', 'OPTIONS', '3', '2'],
  ['that is no number is passed on as it is', 'OPTIONS', 'many', 'many'],
  ['means nothing to other methods', 'GET', '0', '0'],
])('a Max-Forwards %s', async ([, method, given, expected]) => {
  let left: unknown;
  const upstream = await startUpstream((request, response) => {
    left = request.headers['max-forwards'];
    response.end();
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await sendRaw(proxy.port, `${method} /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nMax-Forwards: ${given}\r\n\r\n`);
  expect(left).toBe(expected);
});

test('a stop lets requests under way end, closes their connections, and takes no new ones', async () => {
  let answer: (() => void) | undefined;
  const upstream = await startUpstream((_request, response) => {
    answer = () => response.end('done');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const underWay = fetch(proxy.url);
  await until(() => answer !== undefined);
  const stopped = proxy.stop(10_000);
  await expect(fetch(proxy.url)).rejects.toThrow();
  answer?.();
  expect(await (await underWay).text()).toBe('done');
  await stopped;
});

test('a stop ends at its deadline what does not end by itself', async () => {
  const upstream = await startUpstream((_request, response) => void response.write('x'));
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const endless = await fetch(proxy.url);
  await proxy.stop(100);
  await expect(endless.text()).rejects.toThrow();
});
