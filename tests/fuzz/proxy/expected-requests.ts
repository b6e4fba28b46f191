import { connectionOptions, type Field, METHOD, readChunked, readHead, valuesOf } from './http-text.ts';

/** A request that the bytes of a client's connection hold, as an upstream should get it. */
export interface ExpectedRequest {
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  /** Undefined: there was none. */
  readonly host: string | undefined;
  /** Those from end to end, in their order, without framing and Host. */
  readonly fields: readonly Field[];
  readonly body: string;
  /** The proxy answers it itself. */
  readonly isForProxy: boolean;
}

/** What a client's connection holds, read strictly. */
export interface Reading {
  /** The requests that may be served, in order. */
  readonly whole: readonly ExpectedRequest[];
  /**
   * What comes after them: `nothing`; what is `unfinished` or `malformed`, of which nothing may reach an upstream; or
   * bytes behind a request that `closed` the connection, which do not count.
   */
  readonly rest: 'nothing' | 'unfinished' | 'malformed' | 'closed';
}

/** RFC 9110 section 7.6.1, and what the reference of the proxy says that it settles itself. */
const NOT_END_TO_END = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'trailer',
  'expect',
  'content-length',
  'host',
]);
/** What a client cannot say about itself, and what the proxy writes. */
const OF_THE_PROXY = /^(?:x-shadow-request|forwarded|x-real-ip|x-forwarded-.*|x-request-id|traceparent|tracestate)$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/;
const LENGTH_DIGITS_MAX = 12;

/** Reads all that a client sent. */
export function readClient(text: string): Reading {
  const whole: ExpectedRequest[] = [];
  let at = 0;
  for (;;) {
    // RFC 9112 section 2.2: empty lines before a request are read over.
    while (text[at] === '\r' || text[at] === '\n') at++;
    if (at >= text.length) return { whole, rest: 'nothing' };
    const read = readOne(text, at);
    if (typeof read === 'string') return { whole, rest: read };
    whole.push(read.request);
    at = read.end;
    if (read.isLast) return { whole, rest: 'closed' };
  }
}

/** The fields of a request that reached an upstream which the client could have sent. */
export function endToEnd(fields: readonly Field[]): Field[] {
  const named = new Set(connectionOptions(fields));
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !NOT_END_TO_END.has(lower) && !OF_THE_PROXY.test(lower) && !named.has(lower);
  });
}

function readOne(
  text: string,
  start: number,
): { request: ExpectedRequest; end: number; isLast: boolean } | 'unfinished' | 'malformed' {
  const head = readHead(text, start);
  if (typeof head === 'string') return head;
  // RFC 9112 section 3 lets a recipient take several spaces for one, and Node's parser does.
  const [method = '', asked = '', version = '', ...more] = head.line.split(/ +/);
  if (more.length > 0 || !METHOD.test(method) || !/^HTTP\/1\.[01]$/.test(version)) return 'malformed';
  if (!/^[!-~\x80-\xff]+$/.test(asked)) return 'malformed';
  const { fields } = head;
  const [hosts, lengths, codings] = ['host', 'content-length', 'transfer-encoding'].map((name) =>
    valuesOf(fields, name),
  );
  const isOld = version === 'HTTP/1.0';
  // RFC 9112 section 3.2: exactly one Host, and a valid one; HTTP/1.0 may leave it out.
  if (hosts!.length > 1 || (hosts!.length === 0 && !isOld) || !HOST.test(hosts![0] ?? '')) return 'malformed';
  const target = readTarget(method, asked, fields);
  if (target === undefined) return 'malformed';
  // RFC 9112 section 6.3, and no two ways of framing.
  if (lengths!.length + codings!.length > 1) return 'malformed';
  const [length = '0', coding] = [lengths![0], codings![0]];
  if (!/^\d+$/.test(length) || (coding !== undefined && (coding.toLowerCase() !== 'chunked' || isOld)))
    return 'malformed';
  const body = coding === undefined ? readLength(text, head.end, length) : readChunked(text, head.end);
  if (typeof body === 'string') return body;
  const options = connectionOptions(fields);
  return {
    request: {
      method,
      target: target.path,
      host: target.authority ?? hosts![0],
      fields: endToEnd(fields),
      body: body.body,
      isForProxy: target.isForProxy,
    },
    end: body.end,
    // An upgrade that is not taken up closes the connection too (`server.ts`).
    isLast:
      options.includes('close') || valuesOf(fields, 'upgrade').length > 0 || (isOld && !options.includes('keep-alive')),
  };
}

function readLength(text: string, start: number, length: string): { body: string; end: number } | 'unfinished' {
  if (length.length > LENGTH_DIGITS_MAX) return 'unfinished';
  const end = start + Number(length);
  return text.length < end ? 'unfinished' : { body: text.slice(start, end), end };
}

/**
 * RFC 9112 section 3.2: origin form and absolute form go on; the proxy answers `OPTIONS *`, and what may go no further
 * (RFC 9110 section 7.6.2).
 */
function readTarget(
  method: string,
  asked: string,
  fields: readonly Field[],
): { path: string; authority?: string; isForProxy: boolean } | undefined {
  if (method === 'OPTIONS' && /^(?:\*|https?:\/\/[^/?#]+)$/i.test(asked)) return { path: asked, isForProxy: true };
  if (method === 'CONNECT') return undefined;
  const isForProxy = method === 'OPTIONS' && valuesOf(fields, 'max-forwards').includes('0');
  if (asked.startsWith('/')) return { path: asked, isForProxy };
  const [, authority, rest = ''] = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(asked) ?? [];
  if (authority === undefined || !HOST.test(authority)) return undefined;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority, isForProxy };
}
