import { expect, test } from 'vitest';
import { UpstreamFault } from '../answer-faults.ts';
import { AnswerParser } from './answer-parser.ts';

/** What one answer was read as. */
interface Seen {
  interim: number[];
  status: number;
  reason: string;
  fields: readonly string[];
  body: string;
  trailers: readonly string[];
  /** Undefined while the answer is not whole. */
  keepMs: number | undefined;
}

function read(pieces: readonly string[], { toHead = false, closes = false } = {}): Seen {
  const seen: Seen = { interim: [], status: 0, reason: '', fields: [], body: '', trailers: [], keepMs: undefined };
  const parser = new AnswerParser({
    interim: (status) => void seen.interim.push(status),
    head: (status, reason, fields) => Object.assign(seen, { status, reason, fields }),
    data(piece) {
      seen.body += piece.toString('latin1');
    },
    end: (trailers, keepMs) => Object.assign(seen, { trailers, keepMs }),
  });
  parser.begin(toHead);
  for (const piece of pieces) parser.read(Buffer.from(piece, 'latin1'));
  if (closes) parser.close();
  return seen;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const GOOD = {
  sized: `${OK}X-A: 1\r\nContent-Length: 5\r\n\r\nhello`,
  'without a body': `${OK}Content-Length: 0\r\n\r\n`,
  chunked: `${OK}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A ; x="y"\r\n0123456789\r\n0;last\r\n\r\n`,
  'with trailers': `${CHUNKED}2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Two:\t8 \r\n\r\n`,
  'after interim answers': `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
  'without content': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
  'with a reason beyond ASCII': 'HTTP/1.1 200 Sch\xf6n\r\nContent-Length: 0\r\n\r\n',
  'without a reason': 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
};

test.for(Object.entries(GOOD))('an answer %s is the same, however its bytes are cut', ([, bytes = '']) => {
  const whole = read([bytes]);
  expect(whole.keepMs).toBeGreaterThan(0);
  expect(read([...bytes])).toEqual(whole);
  for (let at = 1; at < bytes.length; at++) expect(read([bytes.slice(0, at), bytes.slice(at)])).toEqual(whole);
});

test('content, trailers and reason are what was sent', () => {
  expect(read([GOOD.chunked])).toMatchObject({ status: 200, body: 'hello0123456789' });
  expect(read([GOOD['with trailers']]).trailers).toEqual(['X-Sum', '7', 'X-Two', '8']);
  expect(read([GOOD['with a reason beyond ASCII']]).reason).toBe('Sch\xf6n');
  expect(read([GOOD['after interim answers']]).interim).toEqual([100, 103]);
});

const BAD = {
  'is not HTTP': 'garbage\r\n\r\n',
  'is of HTTP/2': 'HTTP/2 200 OK\r\n\r\n',
  'has a status below 100': 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n',
  'has a status of four digits': 'HTTP/1.1 2000 High\r\nContent-Length: 0\r\n\r\n',
  'switches protocols unasked': 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'has a bare line feed': `${OK}X-A: 1\nSet-Cookie: a\r\nContent-Length: 0\r\n\r\n`,
  'has a bare return': `${OK}X-A: 1\rSet-Cookie: a\r\nContent-Length: 0\r\n\r\n`,
  'has a bare line feed behind its status': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'folds a line': `${OK}X-A: 1\r\n b\r\nContent-Length: 0\r\n\r\n`,
  'folds its first line': `${OK} X-A: 1\r\n\r\n`,
  'has a space before a colon': `${OK}Content-Length : 0\r\n\r\n`,
  'has a line without a colon': `${OK}Content-Length 0\r\n\r\n`,
  'has a field without a name': `${OK}: 1\r\n\r\n`,
  'has a null in a field': `${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`,
  'has a control character in its reason': 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n',
  'has a length beside a coding': `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'has two lengths': `${OK}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'has a list of lengths': `${OK}Content-Length: 3, 3\r\n\r\nabc`,
  'has a signed length': `${OK}Content-Length: +3\r\n\r\nabc`,
  'has an empty length': `${OK}Content-Length:\r\n\r\n`,
  'has a length beyond reason': `${OK}Content-Length: 99999999999999999999\r\n\r\n`,
  'has two codings': `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'has another coding': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'has a coding in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'has a chunk size that is no number': `${CHUNKED}3\r\nabc\r\nzz\r\n`,
  'has a chunk size with a prefix': `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`,
  'has a negative chunk size': `${CHUNKED}-3\r\nabc\r\n0\r\n\r\n`,
  'has a blank in a chunk size': `${CHUNKED}3 \r\nabc\r\n0\r\n\r\n`,
  'has an empty chunk size': `${CHUNKED}\r\nabc\r\n0\r\n\r\n`,
  'has a chunk size beyond reason': `${CHUNKED}fffffffffffffffff\r\n`,
  'has a chunk size ended by a bare line feed': `${CHUNKED}3\nabc\r\n0\r\n\r\n`,
  'hides a line in a chunk extension': `${CHUNKED}3;a\rb\r\nabc\r\n0\r\n\r\n`,
  'has a chunk longer than its size': `${CHUNKED}3\r\nabcdef\r\n0\r\n\r\n`,
  'has a chunk ended by a bare line feed': `${CHUNKED}3\r\nabc\n0\r\n\r\n`,
  'has an endless chunk extension': `${CHUNKED}3;${'x'.repeat(5_000)}\r\nabc\r\n0\r\n\r\n`,
  'has endless trailers': `${CHUNKED}0\r\n${'X-A: 1\r\n'.repeat(4_000)}\r\n`,
  'has a malformed trailer': `${CHUNKED}0\r\nX A: 1\r\n\r\n`,
  'folds a trailer': `${CHUNKED}0\r\nX-A: 1\r\n b\r\n\r\n`,
  'never stops announcing itself': `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(40)}${OK}Content-Length: 0\r\n\r\n`,
};

test.for(Object.entries(BAD))('an answer that %s is refused, however its bytes are cut', ([, bytes = '']) => {
  const attempts = [[bytes], [...bytes], [bytes.slice(0, bytes.length / 2), bytes.slice(bytes.length / 2)]];
  for (const pieces of attempts) {
    let seen: Seen | undefined;
    expect(() => {
      seen = read(pieces);
    }).toThrow(UpstreamFault);
    expect(seen).toBeUndefined();
  }
});

test('a head that does not end is refused at 64 KiB, and as too large', () => {
  const piece = `X-A: ${'x'.repeat(1_000)}\r\n`;
  const fault = expect(() => read([OK, ...Array(100).fill(piece)]));
  fault.toThrow(expect.objectContaining({ problem: 'upstream-head-too-large' }));
});

test('bytes behind an answer end the connection, and are not given to anybody', () => {
  const seen = read([`${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad`]);
  expect(seen).toMatchObject({ body: 'ok', keepMs: 0 });
  expect(() => read([`${OK}Content-Length: 0\r\n\r\n`, 'HTTP/1.1 200 OK\r\n\r\n'])).toThrow(UpstreamFault);
});

test('a body that nothing delimits ends with its connection; every other that ends so is broken off', () => {
  expect(read([`${OK}\r\nab`, 'c'], { closes: true })).toMatchObject({ body: 'abc', keepMs: 0 });
  const broken = [OK, `${OK}Content-Length: 3\r\n\r\nab`, `${CHUNKED}3\r\nabc\r\n`, `${CHUNKED}3\r\nabc\r\n0\r\n`];
  for (const bytes of broken) {
    expect(() => read([bytes], { closes: true })).toThrow(expect.objectContaining({ problem: 'upstream-closed' }));
  }
});

test('an answer to HEAD has no body, whatever its head says', () => {
  for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'X-A: 1']) {
    expect(read([`${OK}${framing}\r\n\r\n`], { toHead: true })).toMatchObject({ body: '' });
    expect(read([`${OK}${framing}\r\n\r\n`], { toHead: true }).keepMs).toBeGreaterThan(0);
  }
});

test.for([
  ['HTTP/1.1 closes when it says so', 'HTTP/1.1', 'Connection: Close', 0],
  ['among other options too', 'HTTP/1.1', 'Connection: x-a, close', 0],
  ['HTTP/1.0 closes', 'HTTP/1.0', 'X-A: 1', 0],
  ['but for when it says that it does not', 'HTTP/1.0', 'Connection: keep-alive', 4_000],
  ['HTTP/1.1 stays open for a while', 'HTTP/1.1', 'X-A: 1', 4_000],
  ['less long than the server says that it does', 'HTTP/1.1', 'Keep-Alive: timeout=3, max=9', 2_000],
  ['not at all where that is over at once', 'HTTP/1.1', 'Keep-Alive: timeout=1', 0],
  ['and never for ever', 'HTTP/1.1', 'Keep-Alive: timeout=99999', 60_000],
] as const)('a connection is kept or not: %s', ([, version, field, keepMs]) => {
  expect(read([`${version} 200 OK\r\n${field}\r\nContent-Length: 0\r\n\r\n`]).keepMs).toBe(keepMs);
});
