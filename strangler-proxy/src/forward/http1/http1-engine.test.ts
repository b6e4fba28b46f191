import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import {
  type Listening,
  sendRaw,
  splitAnswer,
  startProxy,
  startRawUpstream,
  startUpstream,
  until,
} from '../../test-support/servers.ts';

/** What our own client can and undici cannot, or does in its own way. What both can is in `exchange.test.ts`. */

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

interface RawUpstream extends Listening {
  readonly connections: Socket[];
  /** All that was received, on all connections. */
  received: string;
}

/** Answers the n-th request that comes, on whatever connection, with the n-th of these; the last one from then on. */
async function answering(...answers: readonly (string | ((socket: Socket) => void))[]): Promise<RawUpstream> {
  const connections: Socket[] = [];
  let asked = 0;
  const listening = await startRawUpstream((socket) => {
    connections.push(socket);
    socket.on('data', (chunk) => {
      upstream.received += chunk.toString('latin1');
      const answer = answers[Math.min(asked++, answers.length - 1)] ?? '';
      if (typeof answer === 'string') socket.write(answer, 'latin1');
      else answer(socket);
    });
  });
  const upstream: RawUpstream = { ...listening, connections, received: '' };
  return upstream;
}

const post = (body: string) => ({ method: 'POST', body });

test('a reason phrase beyond ASCII is kept', async () => {
  const upstream = await answering('HTTP/1.1 299 Sch\xf6n so\r\nContent-Length: 0\r\n\r\n');
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  expect(splitAnswer((await sendRaw(proxy.port, GET)).received).statusLine).toBe('HTTP/1.1 299 Sch\xf6n so');
});

test('an interim answer that nobody asked for is passed over', async () => {
  const upstream = await answering(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 150 Odd\r\n\r\n${EMPTY}`);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  expect((await sendRaw(proxy.port, GET)).received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

test('trailers of a request arrive, but for what no trailer may say', async () => {
  const upstream = await answering((socket) => setTimeout(() => socket.end(EMPTY), 50));
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await sendRaw(
    proxy.port,
    'POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close, X-Mine\r\n\r\n' +
      '2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 10.9.9.9\r\nX-Shadow-Request: true\r\nX-Strangler-Identity: me\r\n' +
      'Authorization: Basic eA==\r\nX-Mine: 1\r\n\r\n',
  );
  expect(upstream.received).toMatch(/^Trailer: X-Sum\r$/m);
  expect(upstream.received).toMatch(/2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n$/);
});

test('a head and its small body are one packet', async () => {
  const pieces: string[] = [];
  const upstream = await startRawUpstream((socket) => {
    socket.on('data', (chunk) => {
      pieces.push(chunk.toString('latin1'));
      socket.write(EMPTY);
    });
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await fetch(proxy.url, post('small'));
  expect(pieces).toHaveLength(1);
  expect(pieces[0]).toMatch(/\r\n\r\nsmall$/);
});

test('one connection serves request after request, HEAD and 304 too', async () => {
  const upstream = await answering(
    EMPTY,
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    EMPTY,
  );
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  for (const method of ['GET', 'HEAD', 'GET', 'GET', 'POST']) await (await fetch(proxy.url, { method })).text();
  expect(upstream.connections).toHaveLength(1);
});

test('a connection that was closed while it was idle costs nobody an answer', async () => {
  const upstream = await answering(EMPTY);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await fetch(proxy.url);
  upstream.connections[0]?.destroy();
  await until(() => upstream.connections[0]?.closed === true);
  expect((await fetch(proxy.url, post('a write'))).status).toBe(200);
  expect(upstream.connections).toHaveLength(2);
});

test('a read on an idle connection that resets under it is sent once more, on a new one; a write is not', async () => {
  const resets = (socket: Socket) => socket.resetAndDestroy();
  const upstream = await answering(EMPTY, EMPTY, resets, EMPTY, resets, EMPTY);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  // Two idle connections: the second try must not meet the other.
  await Promise.all([fetch(proxy.url), fetch(proxy.url)]);
  expect((await fetch(proxy.url)).status).toBe(200);
  expect(upstream.connections).toHaveLength(3);
  expect((await fetch(proxy.url, post('a write'))).status).toBe(502);
  expect(upstream.received.match(/a write/g)).toHaveLength(1);
});

test('a write does not risk a connection that was idle for long', async () => {
  const upstream = await answering(EMPTY);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await fetch(proxy.url, post('first'));
  await fetch(proxy.url, post('at once'));
  expect(upstream.connections).toHaveLength(1);
  await new Promise((wake) => setTimeout(wake, 1_500));
  await fetch(proxy.url, post('later'));
  expect(upstream.connections).toHaveLength(2);
});

test('an idle connection is closed before a server would', async () => {
  const upstream = await answering('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 0\r\n\r\n');
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await fetch(proxy.url);
  const [socket] = upstream.connections;
  let closed = false;
  socket?.on('end', () => {
    closed = true;
  });
  await until(() => closed);
});

test('a connection whose request was not sent whole carries no other', async () => {
  const upstream = await answering('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig', EMPTY);
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const upload = connect(proxy.port, '127.0.0.1');
  let received = '';
  upload.on('data', (chunk) => {
    received += chunk;
  });
  upload.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
  await until(() => received.endsWith('big'));
  expect((await fetch(proxy.url)).status).toBe(200);
  expect(upstream.connections).toHaveLength(2);
  upload.destroy();
});

test("an expectation is the upstream's to meet: it may refuse before the body is sent", async () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
  const refuses = await answering('HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n');
  const first = await startProxy({ upstreams: { monolith: refuses.url } });
  const { received } = await sendRaw(first.port, head);
  expect(received).toMatch(/^HTTP\/1\.1 401 Who\r\n/);
  // Whether the body follows cannot be known, so nothing else may.
  expect(received).toMatch(/^Connection: close\r$/m);
  expect(refuses.received).toMatch(/^Expect: 100-continue\r$/m);

  const goesOn = await answering('HTTP/1.1 100 Continue\r\n\r\n', EMPTY);
  const second = await startProxy({ upstreams: { monolith: goesOn.url } });
  const client = connect(second.port, '127.0.0.1');
  let answer = '';
  client.on('data', (chunk) => {
    answer += chunk;
    if (answer === 'HTTP/1.1 100 Continue\r\n\r\n') client.write('ok');
  });
  client.write(head);
  await until(() => answer.includes('HTTP/1.1 200 OK'));
  expect(goesOn.received.endsWith('\r\n\r\nok')).toBe(true);
  client.destroy();
});

test('a reset within a body that ends with its connection is seen as a truncated answer', async () => {
  const upstream = await answering((socket) =>
    socket.write('HTTP/1.1 200 OK\r\n\r\nabc', () => setTimeout(() => socket.resetAndDestroy(), 20)),
  );
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await expect(fetch(proxy.url).then((answer) => answer.text())).rejects.toThrow();
  await until(() => proxy.log.length === 1);
  expect(proxy.log).toMatchObject([{ failure: 'answer-cut' }]);
});

test('an answer that is malformed in its first bytes is refused as a whole', async () => {
  const upstream = await answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n');
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  expect((await sendRaw(proxy.port, GET)).received).toMatch(/^HTTP\/1\.1 502 [\s\S]*"upstream-invalid"/);
});

test('a slow client does not use up the time of the upstream', async () => {
  const upstream = await startUpstream(async (request, response) => {
    response.end(`got ${Buffer.concat(await request.toArray())}`);
  });
  const proxy = await startProxy({ upstreams: { monolith: { url: upstream.url, headersTimeoutMs: 200 } } });
  const client = connect(proxy.port, '127.0.0.1');
  let received = '';
  client.on('data', (chunk) => {
    received += chunk;
  });
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
  await new Promise((wake) => setTimeout(wake, 1_000));
  expect(received).toBe('');
  client.write('cd');
  await until(() => received.endsWith('got abcd'));
  client.destroy();
});

test('an HTTP/1.0 request without a Host reaches the upstream with one', async () => {
  const upstream = await answering((socket) => socket.end(EMPTY));
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  await sendRaw(proxy.port, 'GET / HTTP/1.0\r\n\r\n');
  expect(upstream.received).toMatch(new RegExp(`^Host: 127\\.0\\.0\\.1:${upstream.port}\r$`, 'm'));
});

test('chunks of any size arrive, in any pieces', async () => {
  const upstream = await startUpstream((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    request.on('data', (chunk) => response.write(chunk)).on('end', () => response.end());
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const body = Buffer.alloc(3_000_000, 'abcdefghij');
  async function* pieces() {
    for (let at = 0, size = 1; at < body.length; at += size, size = (size * 3 + 1) % 200_003) {
      yield body.subarray(at, at + size);
    }
  }
  const answer = await fetch(proxy.url, { method: 'POST', body: pieces(), duplex: 'half' } as RequestInit);
  expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
});
