import fc from 'fast-check';
import { cuts, type Edit, edited, edits } from './edits.ts';

/** What a client sends on one connection. */
export interface ClientBytes {
  readonly text: string;
  readonly cuts: readonly number[];
  /** How many requests it holds if nothing was done to them; undefined if something was. */
  readonly requests: number | undefined;
}

const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'];
const SEGMENTS = ['a', 'items', '7', '..', '.', '', '%2F', '%2e%2E', 'b;c=d', "!$&'()*+,=:@", '~|[]{}"', 'A-_'];
const QUERIES = ['', '?', '?q=1', '?q=%20+&q=2&%71=3', '?a[]=/../b', '??x=http://y/'];
const NAMES = [
  'X-A',
  'x-a',
  'X-b',
  'Accept',
  'Cookie',
  'Range',
  'If-None-Match',
  'Authorization',
  'Forward',
  'Via',
  "!#$%'",
];
const VALUES = [
  '',
  'a',
  'a, b',
  '"q, x"',
  'bytes=0-5,7-',
  'W/"1"',
  '\xe4\xf6',
  'a\tb',
  'x=1; y="2, 3"',
  'chunked',
  '0',
];
/** Lines that do not belong into a head, or not twice, or not like this; and some that are merely unusual. */
const GRAFTS = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: 0x5',
  'Content-Length:',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Transfer_Encoding: chunked',
  'Host: b',
  'Host: a b',
  'X-A: 1\rX-B: 2',
  'X-A: 1\nX-B: 2',
  'X-A: \0',
  ': nameless',
  'no colon',
  'Connection: close',
  'Connection: content-length, x-a',
  'Connection: host, transfer-encoding, upgrade',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Expect: the-unexpected',
  'X-Forwarded-For: 1.2.3.4',
  'Forwarded: for=1.2.3.4',
  'X-Shadow-Request: true',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'tracestate: a=1',
  'Proxy-Connection: keep-alive',
  'Keep-Alive: timeout=5',
  'TE: trailers',
  'Trailer: X-T',
  'Max-Forwards: 0',
];

const text = fc
  .string({ unit: fc.constantFrom(...'ab \t,;:="\\/\xe9\xff<>%'), maxLength: 24 })
  .map((value) => value.trim());
const field = fc
  .tuple(fc.constantFrom(...NAMES), fc.oneof(fc.constantFrom(...VALUES), text), fc.constantFrom(': ', ':', ':\t '))
  .map(([name, value, colon]) => `${name}${colon}${value}`);
const body = fc.string({ unit: fc.constantFrom(...'ab\r\n\0\xff0GET /smuggled'), maxLength: 80 });
const chunk = fc.record({
  data: body.filter((data) => data !== ''),
  size: fc.constantFrom(
    (length: number) => length.toString(16),
    (length: number) => length.toString(16).toUpperCase().padStart(4, '0'),
  ),
  extension: fc.constantFrom('', '', ';a=b', ';a="b"'),
});
const chunked = fc.array(chunk, { maxLength: 3 }).map((chunks) => {
  const sent = chunks.map(({ data, size, extension }) => `${size(data.length)}${extension}\r\n${data}\r\n`).join('');
  return { fields: ['Transfer-Encoding: chunked'], sent: `${sent}0\r\n\r\n`, needs: 'HTTP/1.1' };
});
const framing = fc.oneof(
  fc.constant({ fields: [] as string[], sent: '', needs: '' }),
  body.map((sent) => ({ fields: [`content-Length: ${sent.length}`], sent, needs: '' })),
  chunked,
);

/** One good request. */
const request = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path: fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
    query: fc.constantFrom(...QUERIES),
    before: fc.constantFrom('', '', '', 'http://other.test'),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
    host: fc.constantFrom('shop.test', 'shop.test:8080', '[::1]:80', ''),
    fields: fc.array(field, { maxLength: 6 }),
    connection: fc.constantFrom<string[]>(
      [],
      [],
      ['Connection: keep-alive'],
      ['connection: keep-alive, X-A'],
      ['Connection: close'],
    ),
    framing,
    order: fc.nat(64),
  })
  .map(({ method, path, query, before, version, host, fields, connection, framing, order }) => {
    const lines = [...fields, ...connection, ...framing.fields];
    lines.splice(order % (lines.length + 1), 0, `Host: ${host}`);
    const line = `${method} ${before}${path}${query} ${framing.needs || version}`;
    const isLast = connection.includes('Connection: close') || (line.endsWith('1.0') && connection.length === 0);
    return { line, lines, sent: framing.sent, isLast };
  });

const withGrafts = fc.record({
  request,
  grafts: fc.oneof(
    { weight: 3, arbitrary: fc.constant<{ line: string; at: number }[]>([]) },
    {
      weight: 2,
      arbitrary: fc.array(fc.record({ line: fc.constantFrom(...GRAFTS), at: fc.nat(16) }), {
        minLength: 1,
        maxLength: 2,
      }),
    },
  ),
});

/** What clients send: one to four requests behind each other, good ones and ones that something was done to. */
export const clientBytes: fc.Arbitrary<ClientBytes> = fc
  .record({ requests: fc.array(withGrafts, { minLength: 1, maxLength: 4 }), edits, cuts })
  .map(({ requests, edits, cuts }) => {
    const isGood = edits.length === 0 && requests.every(({ grafts }) => grafts.length === 0);
    const last = requests.findIndex(({ request }) => request.isLast);
    return {
      text: edited(requests.map(render).join(''), edits as readonly Edit[]),
      cuts,
      requests: isGood ? (last < 0 ? requests.length : last + 1) : undefined,
    };
  });

function render({
  request,
  grafts,
}: {
  request: { line: string; lines: string[]; sent: string };
  grafts: { line: string; at: number }[];
}): string {
  const lines = [...request.lines];
  for (const { line, at } of grafts) lines.splice(at % (lines.length + 1), 0, line);
  return `${[request.line, ...lines].join('\r\n')}\r\n\r\n${request.sent}`;
}
