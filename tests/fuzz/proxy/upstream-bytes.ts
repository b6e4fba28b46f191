import fc from 'fast-check';
import { cuts, type Edit, edited, edits } from './edits.ts';
import type { Field } from './http-text.ts';
import type { CannedAnswer } from './upstream.ts';

/** What an upstream answers with, and what was asked. */
export interface UpstreamBytes {
  readonly text: string;
  readonly cuts: readonly number[];
  readonly afterwards: CannedAnswer['afterwards'];
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly version: 'HTTP/1.1' | 'HTTP/1.0';
  /** Whether the client sends its next request before it has its answer. */
  readonly isPipelined: boolean;
  /** What the client has to get if nothing was done to the answer; undefined if something was. */
  readonly good: GoodAnswer | undefined;
}

/** An answer to which nothing was done. */
export interface GoodAnswer {
  readonly status: number;
  /** From end to end, without framing. */
  readonly fields: readonly Field[];
  readonly body: string;
}

const STATUSES = [200, 200, 201, 204, 206, 301, 304, 404, 418, 500, 503, 999];
const FIELDS = [
  'Set-Cookie: a=1; Path=/',
  'Set-Cookie: b="2, 3"',
  'set-cookie: c',
  'X-A: 1',
  'x-a: 2',
  'Vary: a, b',
  'ETag: W/"1"',
  'X-Latin: \xe4',
  'Date: Thu, 01 Jan 2026 00:00:00 GMT',
  'X-Empty:',
  'Content-Type: text/plain',
];
const INTERIM = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n',
];
/** Lines that no answer should have, or not twice, or not like this; and some that are merely unusual. */
const GRAFTS = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: -1',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  ' folded: 1',
  'X-A: 1\rSet-Cookie: smuggled=1',
  'X-A: 1\nSet-Cookie: smuggled=1',
  'X-A: \0',
  ': nameless',
  'no colon',
  'Connection: close',
  'Connection: X-A, set-cookie',
  'Connection: content-length',
  'Upgrade: websocket',
  'Trailer: X-T',
  'Keep-Alive: timeout=0',
  'Proxy-Connection: close',
];

const body = fc.string({ unit: fc.constantFrom(...'ab\r\n\0\xff0'), maxLength: 60 });
const framing = fc.oneof(
  body.map((sent) => ({ line: `Content-Length: ${sent.length}`, sent, body: sent, ends: false })),
  fc
    .array(
      body.filter((data) => data !== ''),
      { maxLength: 3 },
    )
    .map((chunks) => ({
      line: 'Transfer-Encoding: chunked',
      sent: `${chunks.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join('')}0\r\n\r\n`,
      body: chunks.join(''),
      ends: false,
    })),
  body.map((sent) => ({ line: '', sent, body: sent, ends: true })),
);

const answer = fc.record({
  interim: fc.oneof(
    { weight: 4, arbitrary: fc.constant<string[]>([]) },
    fc.array(fc.constantFrom(...INTERIM), { maxLength: 3 }),
  ),
  status: fc.constantFrom(...STATUSES),
  reason: fc.constantFrom('OK', '', 'Not \xe4 word', 'a  b'),
  fields: fc.array(fc.constantFrom(...FIELDS), { maxLength: 5 }),
  framing,
  grafts: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 2, arbitrary: fc.array(fc.constantFrom(...GRAFTS), { minLength: 1, maxLength: 2 }) },
  ),
});

/** What upstreams answer: good answers, and ones that something was done to. */
export const upstreamBytes: fc.Arbitrary<UpstreamBytes> = fc
  .record({
    answer,
    edits,
    cuts,
    afterwards: fc.constantFrom<CannedAnswer['afterwards'][]>('keep', 'close', 'close', 'reset'),
    method: fc.constantFrom<UpstreamBytes['method'][]>('GET', 'GET', 'HEAD', 'POST'),
    version: fc.constantFrom<UpstreamBytes['version'][]>('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
    isPipelined: fc.boolean(),
  })
  .map(({ answer, edits, cuts, afterwards, method, version, isPipelined }) => {
    const { interim, status, reason, fields, framing, grafts } = answer;
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
    // A 204 has no framing of a body (RFC 9110 section 8.6, RFC 9112 section 6.1).
    const lines = [...fields, ...(status === 204 || framing.line === '' ? [] : [framing.line]), ...grafts];
    const head = [`HTTP/1.1 ${status} ${reason}`, ...lines].join('\r\n');
    const text = edited(`${interim.join('')}${head}\r\n\r\n${hasBody ? framing.sent : ''}`, edits as readonly Edit[]);
    // What it ends with has to be an orderly end where the body ends with the connection.
    const isGood =
      edits.length === 0 &&
      grafts.length === 0 &&
      afterwards !== 'reset' &&
      (!framing.ends || !hasBody || afterwards === 'close');
    return {
      text,
      cuts,
      afterwards,
      method,
      version,
      isPipelined,
      good: isGood ? { status, fields: fields.map(toField), body: hasBody ? framing.body : '' } : undefined,
    };
  });

function toField(line: string): Field {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
