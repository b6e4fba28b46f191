import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import {
  catalog,
  sendRaw,
  splitAnswer,
  startCanned,
  startProxy,
  startRawUpstream,
  startUpstream,
  testFlags,
  until,
} from '../test-support/servers.ts';

const GET = 'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n';

/** A port on which nothing listens. */
const NOBODY = 'http://127.0.0.1:1';

async function passes(request: string): Promise<string> {
  let received = '';
  const upstream = await startRawUpstream((socket) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received.includes('\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await sendRaw(proxy.port, request);
  return received;
}

async function answers(canned: string, request = GET): Promise<{ received: string; reset: boolean }> {
  const upstream = await startCanned(canned, (socket) => socket.end());
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  return sendRaw(proxy.port, request);
}

test('the request target reaches the upstream byte for byte', async () => {
  const target = '//x/y/../%2F%2e%2E/./a//b/?q=%20+&q=2&%71=3&x=;[]|"';
  const received = await passes(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`);
  expect(received.split('\r\n')[0]).toBe(`GET ${target} HTTP/1.1`);
});

test('duplicate fields reach the upstream in order, in their case, and are never split or merged', async () => {
  const fields = ['X-One: a, b', 'x-two: 1', 'X-One: c', 'Accept: */*', 'Cookie: a="x, y"; b=2', 'X-Latin: \xe4'];
  const received = await passes(
    `GET / HTTP/1.1\r\nHost: shop.test\r\n${fields.join('\r\n')}\r\nConnection: close\r\n\r\n`,
  );
  const arrived = received.split('\r\n').filter((line) => /^(?:x-one|x-two|accept|cookie|x-latin):/i.test(line));
  expect(arrived).toEqual(fields);
});

test('fields of the connection stay on it, those that Connection names too', async () => {
  const received = await passes(
    'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close, X-Mine, Host, Content-Length\r\nX-Mine: 1\r\nX-Other: 2\r\n' +
      'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: h2c\r\n\r\n',
  );
  expect(received).toMatch(/^X-Other: 2\r$/m);
  expect(received).toMatch(/^host: shop\.test\r$/im);
  expect(received).not.toMatch(/^(?:x-mine|keep-alive|proxy-connection|te|trailer|upgrade):/im);
});

test('a client that nobody trusts cannot say where it came from, or that it is a shadow', async () => {
  const received = await passes(
    'GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.9.9.9\r\n' +
      'X-Real-IP: 10.9.9.9\r\nX-Forwarded-Prefix: /admin\r\nX-Shadow-Request: true\r\nConnection: close\r\n\r\n',
  );
  expect(received).not.toMatch(/10\.9\.9\.9|x-shadow-request|prefix/i);
  expect(received).toMatch(/^X-Forwarded-For: 127\.0\.0\.1\r$/m);
  expect(received).toMatch(/^X-Forwarded-Proto: http\r$/m);
  expect(received).toMatch(/^X-Forwarded-Host: shop\.test\r$/m);
  expect(received).toMatch(/^Via: 1\.1 strangler-proxy\r$/m);
});

test('what a trusted hop says about the client is kept, and the hop is added', async () => {
  let seen: IncomingMessage | undefined;
  const upstream = await startUpstream((request, response) => {
    seen = request;
    response.end();
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url }, trustProxy: ['loopback'] });
  const headers = {
    'X-Forwarded-For': '203.0.113.7',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'shop.example',
  };
  await fetch(proxy.url, { headers });
  expect(seen?.headers).toMatchObject({
    'x-forwarded-for': '203.0.113.7, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'shop.example',
  });
});

test('a trace goes on, and one begins where there was none or a broken one', async () => {
  const given = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
  const head = 'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n';
  const goesOn = await passes(`${head}traceparent: ${given}\r\ntracestate: a=1\r\nX-Request-Id: r-1\r\n\r\n`);
  expect(goesOn).toContain(`traceparent: ${given}\r\n`);
  expect(goesOn).toContain('tracestate: a=1\r\n');
  expect(goesOn).toContain('X-Request-Id: r-1\r\n');
  const broken = await passes(`${head}traceparent: 00-zz\r\ntracestate: a=1\r\n\r\n`);
  expect(broken).toMatch(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r$/m);
  expect(broken).not.toContain('tracestate');
});

test('an absolute-form target arrives in origin form, with its authority as Host', async () => {
  const received = await passes(
    'GET http://real.test:81/a?b HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n',
  );
  expect(received).toMatch(/^GET \/a\?b HTTP\/1\.1\r\nhost: real\.test:81\r\n/i);
});

test('bodies arrive whole, whatever method carries them and however they are framed', async () => {
  const seen: string[] = [];
  const upstream = await startUpstream(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push(`${request.method} ${body}`);
    response.end('ok');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const chunked = (method: string) =>
    `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n`;
  const sized = (method: string) => `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz`;
  for (const bytes of [
    chunked('DELETE'),
    chunked('OPTIONS'),
    chunked('POST'),
    sized('GET'),
    sized('DELETE'),
    sized('PUT'),
  ]) {
    // A body that got loose would be read as a request of its own, and its 400 would follow.
    const { received } = await sendRaw(proxy.port, `${bytes}${GET}`);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  }
  expect(seen.filter((line) => line !== 'GET ')).toEqual([
    'DELETE abcde',
    'OPTIONS abcde',
    'POST abcde',
    'GET xyz',
    'DELETE xyz',
    'PUT xyz',
  ]);
});

test('an answer keeps its reason phrase, its fields, their order and case, and every Set-Cookie', async () => {
  const fields = [
    'X-B: 1',
    'Set-Cookie: a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT',
    'x-b: 2',
    'Set-Cookie: b=2',
    'X-Latin: \xe4',
  ];
  const date = 'Date: Thu, 01 Jan 2026 00:00:00 GMT';
  const { received } = await answers(
    `HTTP/1.1 299 All \xe4 right\r\n${date}\r\n${fields.join('\r\n')}\r\nConnection: X-Gone\r\nX-Gone: 1\r\nContent-Length: 2\r\n\r\nok`,
  );
  const { fields: got, body } = splitAnswer(received);
  expect(got).toEqual([
    date,
    ...fields,
    'Content-Length: 2',
    'Via: 1.1 strangler-proxy',
    'X-Served-By: monolith',
    'Connection: close',
  ]);
  expect(body).toBe('ok');
});

test('a reason phrase of plain ASCII is kept', async () => {
  const { received } = await answers('HTTP/1.1 299 Fine by me\r\nContent-Length: 0\r\n\r\n');
  expect(splitAnswer(received).statusLine).toBe('HTTP/1.1 299 Fine by me');
});

test.for([
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', GET, '204'],
  ['304 with a Content-Length', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n', GET, '304'],
  ['HEAD with a Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', GET.replace('GET', 'HEAD'), '200'],
  [
    'HEAD with Transfer-Encoding',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    GET.replace('GET', 'HEAD'),
    '200',
  ],
])('an answer without content arrives: %s', async ([, canned = '', request, status]) => {
  const { received } = await answers(canned, request);
  const { statusLine, body, fields } = splitAnswer(received);
  expect(statusLine).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
  expect(body).toBe('');
  const length = /Content-Length: \d+/.exec(canned)?.[0];
  expect(fields.filter((field) => /^content-length/i.test(field))).toEqual(length === undefined ? [] : [length]);
});

test('trailers of an answer arrive', async () => {
  const { received } = await answers(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n',
  );
  expect(received).toMatch(/Trailer: X-Sum\r\n/);
  expect(received).toMatch(/2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n$/);
});

test('a Trailer field on an answer that cannot have trailers does not end the process', async () => {
  const { received } = await answers('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok');
  expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(received).not.toMatch(/trailer/i);
});

test.for([
  ['a status below 100', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'],
  ['no status at all', 'garbage\r\n\r\n'],
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['an upgrade that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  ['a control character in a field', 'HTTP/1.1 200 OK\r\nX-A: \x01\r\nContent-Length: 0\r\n\r\n'],
  ['a head larger than 64 KiB', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['a field split by a bare line feed', 'HTTP/1.1 200 OK\r\nX-A: 1\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n'],
  ['a field split by a bare return', 'HTTP/1.1 200 OK\r\nX-A: 1\rSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n b: 2\r\nContent-Length: 0\r\n\r\n'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'],
  ['the head of a TLS server', '\x15\x03\x03\x00\x02\x02\x50'],
  ['nothing', ''],
])('an upstream that answers with %s is a 502', async ([, canned = '']) => {
  const { received } = await answers(canned);
  const { statusLine, fields, body } = splitAnswer(received);
  expect(statusLine).toBe('HTTP/1.1 502 Bad Gateway');
  expect(fields).toContain('Content-Type: application/problem+json');
  expect(fields.find((field) => field.startsWith('Proxy-Status'))).toMatch(
    /^Proxy-Status: strangler-proxy; error=\w+; next-hop=monolith$/,
  );
  expect(JSON.parse(body)).toMatchObject({
    status: 502,
    upstream: 'monolith',
    code: expect.stringMatching(/^upstream-/),
  });
});

test('a control character in a reason phrase does not end the process', async () => {
  const { received } = await answers('HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok');
  expect(received).toMatch(/^HTTP\/1\.1 (?:200|502) /);
});

test("bytes that an upstream sends after its answer are nobody's answer", async () => {
  const split = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrueHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse';
  const upstream = await startCanned(split);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const again = GET.replace('close', 'keep-alive');
  const { received } = await sendRaw(proxy.port, `${again}${again}${GET}`);
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(3).fill('HTTP/1.1 200'));
  expect(received).not.toContain('false');
});

test('an answer of more fields than Node takes by default arrives, all of it', async () => {
  const many = Array.from({ length: 2_500 }, (_, i) => `f${i}: 1`);
  const { received } = await answers(`HTTP/1.1 200 OK\r\n${many.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
  expect(splitAnswer(received).fields.filter((field) => /^f\d/.test(field))).toEqual(many);
});

test('an upstream that breaks off in mid-body is seen as a truncated answer', async () => {
  const sized = await startCanned('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', (socket) =>
    socket.resetAndDestroy(),
  );
  const first = await startProxy({ upstreams: { monolith: sized.url } });
  const cut = splitAnswer((await sendRaw(first.port, GET)).received);
  expect(cut.fields).toContain('Content-Length: 10');
  expect(cut.body.length).toBeLessThan(10);

  // Later, so that the client has the beginning by then; before, it could still be refused as a whole.
  const badChunk = await startCanned(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    (socket) => void setTimeout(() => socket.write('zz\r\n'), 50),
  );
  const second = await startProxy({ upstreams: { monolith: badChunk.url } });
  expect((await sendRaw(second.port, GET)).received).not.toMatch(/0\r\n\r\n$/);
  await until(() => second.log.length === 1);
  expect(second.log[0]).toMatchObject({ failure: 'answer-cut' });

  // HTTP/1.0 knows the end of a body by the end of the connection: an orderly end would look complete.
  const third = await startProxy({ upstreams: { monolith: badChunk.url } });
  expect((await sendRaw(third.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')).reset).toBe(true);
});

test('the head of an answer does not wait for its body', async () => {
  let finish = () => {};
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    finish = () => response.end('data: 1\n\n');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const answer = await fetch(proxy.url);
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  finish();
  expect(await answer.text()).toBe('data: 1\n\n');
});

test('bytes beyond ASCII in the head of an answer arrive as they were, when the head goes ahead of its body too', async () => {
  const upstream = await startRawUpstream((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nX-Latin: \xe4\r\nContent-Length: 2\r\n\r\n', 'latin1'));
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const { received } = await sendRaw(proxy.port, GET, (soFar) => soFar.includes('\r\n\r\n'));
  expect(splitAnswer(received).fields).toContain('X-Latin: \xe4');
});

test('early hints arrive before the answer', async () => {
  const upstream = await startUpstream((_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.end('ok');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const { received } = await sendRaw(proxy.port, GET);
  expect(received).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/i);
});

test('early hints without end are ended', async () => {
  const { received } = await answers('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1_000));
  expect(received.match(/HTTP\/1\.1 103/g)?.length).toBeLessThan(100);
  expect(received).toMatch(/HTTP\/1\.1 502 [\s\S]*"upstream-invalid"/);
});

test('a client that leaves frees the upstream', async () => {
  let upstreamClosed = false;
  const upstream = await startUpstream((request, response) => {
    response.write('first');
    request.socket.on('close', () => {
      upstreamClosed = true;
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await sendRaw(proxy.port, GET, (received) => received.includes('first'));
  await until(() => upstreamClosed);
  await until(() => proxy.proxy.upstreams.get('monolith').inFlight === 0);
  expect(proxy.log).toMatchObject([{ status: 200, failure: 'client-gone' }]);
});

test('a client that leaves in mid-upload frees the upstream', async () => {
  let state = 'waiting';
  const upstream = await startUpstream((request) => {
    request.on('data', () => {
      state = 'uploading';
    });
    request.on('error', () => {
      state = 'aborted';
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const client = connect(proxy.port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
  await until(() => state === 'uploading');
  client.destroy();
  await until(() => state === 'aborted');
  await until(() => proxy.log.length === 1);
  expect(proxy.log).toMatchObject([{ status: 499, failure: 'client-gone' }]);
});

test('an answer that comes before the upload has ended arrives, and the connection goes on', async () => {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(413, { 'Content-Length': 3, Connection: 'close' });
    response.end('big');
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const client = connect(proxy.port, '127.0.0.1');
  let received = '';
  client.on('data', (chunk) => {
    received += chunk;
  });
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n${'x'.repeat(1000)}`);
  await until(() => received.includes('big'));
  client.write(`${'x'.repeat(1_999_000)}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`);
  await until(() => received.split('big').length === 3);
  client.destroy();
});

test('nothing is sent on before the client takes it: a stalled client stops the upstream', async () => {
  const total = 64 * 1024 * 1024;
  let written = 0;
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'Content-Length': total });
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (written < total) {
        written += chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const [answer] = (await once(httpRequest(proxy.url).end(), 'response')) as [IncomingMessage];
  answer.pause();
  let before = -1;
  await until(async () => {
    const stands = written === before;
    before = written;
    await new Promise((wake) => setTimeout(wake, 100));
    return stands;
  });
  expect(written).toBeLessThan(total / 2);
  let size = 0;
  for await (const chunk of answer) size += chunk.length;
  expect(size).toBe(total);
});

test('an upload goes no faster than the upstream reads it', async () => {
  const total = 64 * 1024 * 1024;
  let go = () => {};
  const upstream = await startUpstream((request, response) => {
    go = async () => {
      let size = 0;
      for await (const chunk of request) size += chunk.length;
      response.end(String(size));
    };
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const upload = httpRequest(proxy.url, { method: 'POST', headers: { 'Content-Length': total } });
  let written = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const more = () => {
    while (written < total) {
      written += chunk.length;
      if (!upload.write(chunk)) {
        upload.once('drain', more);
        return;
      }
    }
    upload.end();
  };
  more();
  let before = -1;
  await until(async () => {
    const stands = written === before;
    before = written;
    await new Promise((wake) => setTimeout(wake, 100));
    return stands;
  });
  expect(written).toBeLessThan(total / 2);
  go();
  const [answer] = (await once(upload, 'response')) as [IncomingMessage];
  expect(await answer.toArray()).toEqual([Buffer.from(String(total))]);
});

test('a client that waits for 100 (Continue) gets one when the upstream is reached, and none when it is not', async () => {
  const upstream = await startUpstream(async (request, response) => {
    response.end(`got ${Buffer.concat(await request.toArray())}`);
  });
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
  const up = await startProxy({ upstreams: { monolith: upstream.url } });
  const client = connect(up.port, '127.0.0.1');
  let received = '';
  client.on('data', (chunk) => {
    received += chunk;
  });
  client.write(head);
  await until(() => received === 'HTTP/1.1 100 Continue\r\n\r\n');
  client.write('ok');
  await until(() => received.endsWith('got ok'));
  client.destroy();

  const down = await startProxy({ upstreams: { monolith: NOBODY } });
  expect((await sendRaw(down.port, head)).received).toMatch(/^HTTP\/1\.1 502 /);
});

test('a refused connection and an unknown name are 502, a time-out is 504', async () => {
  const silent = await startRawUpstream(() => {});
  const proxies = {
    refused: await startProxy({ upstreams: { monolith: NOBODY } }),
    unknown: await startProxy({ upstreams: { monolith: 'http://no-such-host.invalid' } }),
    silent: await startProxy({ upstreams: { monolith: { url: silent.url, headersTimeoutMs: 300 } } }),
  };
  const codes = Object.entries(proxies).map(async ([name, { url }]) => {
    const answer = await fetch(url);
    const { code } = (await answer.json()) as { code: string };
    return [name, answer.status, code, answer.headers.get('proxy-status')];
  });
  expect(await Promise.all(codes)).toEqual([
    ['refused', 502, 'upstream-refused', 'strangler-proxy; error=connection_refused; next-hop=monolith'],
    ['unknown', 502, 'upstream-unknown', 'strangler-proxy; error=dns_error; next-hop=monolith'],
    ['silent', 504, 'upstream-timeout', 'strangler-proxy; error=http_response_timeout; next-hop=monolith'],
  ]);
});

test('an upload to a dead upstream is answered, and its rest is dropped', async () => {
  const proxy = await startProxy({ upstreams: { monolith: NOBODY } });
  const { received } = await sendRaw(
    proxy.port,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}${GET}`,
  );
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 502', 'HTTP/1.1 502']);
});

test('beyond its bound an upstream gets no further request', async () => {
  const upstream = await startUpstream((request, response) => {
    if (request.url === '/slow') response.write('x');
    else response.end();
  });
  const proxy = await startProxy({ upstreams: { monolith: { url: upstream.url, inFlightMax: 1 } } });
  const slow = await fetch(`${proxy.url}/slow`);
  const second = await fetch(proxy.url);
  expect(second.status).toBe(503);
  expect(await second.json()).toMatchObject({ code: 'upstream-busy' });
  await slow.body?.cancel();
  await until(async () => (await fetch(proxy.url)).status === 200);
});

test('a read whose service fails before it answered is answered by the owner, and counted', async () => {
  const monolith = await startUpstream((request, response) => response.end(`monolith ${request.url}`));
  const dies = await startRawUpstream((socket) => socket.once('data', () => socket.destroy()));
  const flags = testFlags({ 'catalog.item.serve': 'always' });
  for (const [service, code] of [
    [NOBODY, 'upstream-refused'],
    [dies.url, 'upstream-closed'],
  ] as const) {
    const upstreams = { monolith: monolith.url, catalog: service };
    const proxy = await startProxy({ migrations: [catalog], flags, upstreams });
    const answer = await fetch(`${proxy.url}/items/7?a=1`);
    expect(answer.headers.get('x-served-by')).toBe('monolith');
    expect(await answer.text()).toBe('monolith /items/7?a=1');
    expect(proxy.log).toMatchObject([{ upstream: 'monolith', why: 'live', status: 200, fallback: code }]);
    expect(await proxy.proxy.metrics.registry.metrics()).toContain(
      `strangler_proxy_fallbacks_total{route="catalog.item",from="catalog",error="${code}"} 1`,
    );
    expect(proxy.proxy.upstreams.get('catalog').inFlight).toBe(0);
  }
});

test('a read whose service fails after its answer began is cut off, not answered twice', async () => {
  const asked: string[] = [];
  const monolith = await startUpstream((request, response) => {
    asked.push(request.url ?? '');
    response.end('monolith');
  });
  const dies = await startCanned('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', (socket) => socket.destroy());
  const flags = testFlags({ 'catalog.item.serve': 'always' });
  const proxy = await startProxy({
    migrations: [catalog],
    flags,
    upstreams: { monolith: monolith.url, catalog: dies.url },
  });
  await expect(fetch(`${proxy.url}/items/7`).then((answer) => answer.text())).rejects.toThrow();
  expect(asked).toEqual([]);
});

test('a write is sent once, to the owner, whatever happens to it', async () => {
  let monolithAsked = 0;
  let serviceAsked = 0;
  const monolith = await startUpstream((request, response) => {
    monolithAsked++;
    request.resume();
    response.end();
  });
  const dies = await startRawUpstream((socket) =>
    socket.once('data', () => {
      serviceAsked++;
      socket.destroy();
    }),
  );
  const upstreams = { monolith: monolith.url, catalog: dies.url };
  const flags = testFlags({ 'catalog.create.serve': 'always' });
  const before = await startProxy({ migrations: [catalog], flags, upstreams });
  expect((await fetch(`${before.url}/items`, { method: 'POST', body: 'x' })).headers.get('x-served-by')).toBe(
    'monolith',
  );
  expect([monolithAsked, serviceAsked]).toEqual([1, 0]);

  const after = await startProxy({
    migrations: [catalog],
    upstreams,
    ownership: { ownerOf: () => 'service', epochOf: () => 2 },
  });
  expect((await fetch(`${after.url}/items`, { method: 'POST', body: 'x' })).status).toBe(502);
  expect([monolithAsked, serviceAsked]).toEqual([1, 1]);
});
