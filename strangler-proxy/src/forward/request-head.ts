import type { IncomingMessage } from 'node:http';
import { PROXY_NAME, type ProblemCode } from '../errors.ts';
import { CONNECTION_FIELDS } from './connection-fields.ts';
import type { Peer } from './peer.ts';
import { isRequestId, isTraceparent, newTraceparent, traceId } from './trace.ts';

/** The head of a request as an upstream gets it, without its request line. */
export interface RequestHead {
  /** Names and values in turn, in the client's order and case; ours at the end. */
  readonly headers: string[];
  readonly requestId: string;
  readonly hasBody: boolean;
}

/** Fields of the client's connection, and what this proxy settles itself. */
export const NOT_PASSED_ON = new Set([
  ...CONNECTION_FIELDS,
  'http2-settings',
  // The engine makes it anew, where it is what the upstream is asked for.
  'expect',
  // Says that a request is a copy; only the proxy may.
  'x-shadow-request',
]);

/** Claims about where a request came from. Whoever is not a trusted hop may not make them. */
const CLAIMS = /^(?:forwarded|x-real-ip|x-forwarded-.+)$/;

/**
 * Ours: between the client and us, or between us and a service. No hop is trusted with them. Servers that hand fields on as
 * variables take `_` and `-` for the same.
 */
const OURS = /^x[-_]strangler[-_]/;

/** RFC 9112 section 3.2: anything but a name, an address or nothing at all is refused. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d{0,5})?$/;

/** One proxy of this kind behind another is a chain; a request that has passed more of them goes round (RFC 9110 section 7.6.3). */
const PASSES_MAX = 1;

/**
 * Makes the head that goes upstream, or says why the request is refused.
 *
 * @param authority of an absolute-form target; takes the place of Host
 */
export function requestHead(
  request: IncomingMessage,
  peer: Peer,
  authority: string | undefined,
): RequestHead | ProblemCode {
  const { rawHeaders, headers: known, httpVersion, method } = request;
  // Node's parser takes `GET /x` and a bare line feed for HTTP/0.9, and `HTTP/2.0` for a version that it knows.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'request-malformed';
  const transferCoding = known['transfer-encoding'];
  if (transferCoding !== undefined) {
    // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, so somebody on the way framed this message wrongly.
    if (httpVersion === '1.0') return 'request-malformed';
    if (transferCoding.toLowerCase() !== 'chunked') return 'transfer-coding-unknown';
  }
  const named = namedByConnection(known.connection);
  const givenTrace = known.traceparent;
  const goesOn = isTraceparent(givenTrace);
  const traceparent = goesOn ? givenTrace : newTraceparent();
  const givenId = known['x-request-id'];
  const requestId = isRequestId(givenId) ? givenId : traceId(traceparent);

  const headers: string[] = [];
  let hosts = 0;
  let passes = 0;
  let host = authority;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        hosts++;
        // A target in absolute form replaces a Host, but does not excuse it.
        if (!HOST.test(value)) return 'request-host-invalid';
        host ??= value;
        continue;
      case 'content-length':
        // Framing is not the client's to take away by naming it in Connection.
        headers.push(name, value);
        continue;
      case 'traceparent':
      case 'x-request-id':
        continue;
      case 'tracestate':
        if (!goesOn) continue;
        break;
      case 'max-forwards':
        headers.push(name, isCountedDown(method, value) ? String(Number(value) - 1) : value);
        continue;
      case 'trailer':
        // A promise that only chunks can keep (RFC 9112 section 7.1.2).
        if (transferCoding === undefined) continue;
        break;
      case 'via':
        if (value.includes(PROXY_NAME)) passes += value.split(PROXY_NAME).length - 1;
        break;
    }
    if (NOT_PASSED_ON.has(lower) || named?.has(lower) === true || OURS.test(lower)) continue;
    if (!peer.trusted && CLAIMS.test(lower)) continue;
    headers.push(name, value);
  }
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0') || (host !== undefined && !HOST.test(host)))
    return 'request-host-invalid';
  // RFC 9110 section 10.1.1: this is the only expectation there is.
  if (known.expect !== undefined && known.expect.toLowerCase() !== '100-continue') return 'expectation-unknown';
  if (passes > PASSES_MAX) return 'request-loop';
  if (host !== undefined) headers.push('Host', host);
  addForwarding(headers, peer, host ?? '', known['x-forwarded-proto'], known['x-forwarded-host']);
  headers.push('Via', `${httpVersion} ${PROXY_NAME}`, 'X-Request-Id', requestId, 'traceparent', traceparent);
  const length = known['content-length'];
  return { headers, requestId, hasBody: transferCoding !== undefined || (length !== undefined && Number(length) > 0) };
}

/** RFC 9110 section 7.6.2: of these methods only, and what is no number is nobody's to change. */
function isCountedDown(method: string | undefined, value: string): boolean {
  return (method === 'OPTIONS' || method === 'TRACE') && /^\d+$/.test(value);
}

/** A trusted hop's claims stay, and it is added to the list of hops; a field of its own keeps theirs untouched. */
function addForwarding(headers: string[], peer: Peer, host: string, proto: unknown, forwardedHost: unknown): void {
  headers.push('X-Forwarded-For', peer.address);
  if (!peer.trusted || proto === undefined) headers.push('X-Forwarded-Proto', peer.encrypted ? 'https' : 'http');
  if (!peer.trusted || forwardedHost === undefined) headers.push('X-Forwarded-Host', host);
}

/** Further fields that the sender meant for this connection alone. */
export function namedByConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(connection.split(',').map((option) => option.trim().toLowerCase()));
}
