/** One message of a client that means harm, or does not know better. */
export interface HostileRequest {
  readonly name: string;
  /** @param target where it has to go, so that it is known again */
  readonly bytes: (target: string) => string;
  /** How many requests may reach an upstream: those, and no other. */
  readonly served: number;
}

/** What an attacker wants an upstream to take for a request of its own. */
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const HOST = 'Host: shop.test\r\n';

/** Each is one that some proxy has let through, or has died of. */
export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  refused(
    'a length and a transfer coding',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Content-Length: ${5 + HIDDEN.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'a transfer coding and a length',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${hex(HIDDEN)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  refused(
    'two lengths',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'a list of lengths',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'a length with a sign',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Content-Length: +${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ),
  refused('a length in hexadecimal', (to) => `POST ${to} HTTP/1.1\r\n${HOST}Content-Length: 0x10\r\n\r\n${HIDDEN}`),
  refused('an empty length', (to) => `POST ${to} HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n${HIDDEN}`),
  refused(
    'chunked, misspelt',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'chunked, twice',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'chunked, not last',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'chunked behind a vertical tab',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'chunked in HTTP/1.0',
    (to) =>
      `POST ${to} HTTP/1.0\r\n${HOST}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'a space before the colon',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused(
    'a folded transfer coding',
    (to) => `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  refused('bare line feeds', (to) => `GET ${to} HTTP/1.1\nHost: a\n\n${HIDDEN}`),
  refused('a bare return', (to) => `GET ${to} HTTP/1.1\r\n${HOST}X-A: 1\rContent-Length: 9\r\n\r\n${HIDDEN}`),
  refused('a control character', (to) => `GET ${to} HTTP/1.1\r\n${HOST}X-A: \x00\r\n\r\n${HIDDEN}`),
  refused('no Host', (to) => `GET ${to} HTTP/1.1\r\n\r\n${HIDDEN}`),
  refused('two Hosts', (to) => `GET ${to} HTTP/1.1\r\n${HOST}Host: b\r\n\r\n${HIDDEN}`),
  refused('a Host that is none', (to) => `GET ${to} HTTP/1.1\r\nHost: a/b@c\r\n\r\n${HIDDEN}`),
  refused('an absolute target and an invalid Host', (to) => `GET http://a${to} HTTP/1.1\r\nHost: a b\r\n\r\n${HIDDEN}`),
  refused('an absolute target with a user', (to) => `GET http://me@a${to} HTTP/1.1\r\n${HOST}\r\n${HIDDEN}`),
  refused('a tunnel', (to) => `CONNECT a:1 HTTP/1.1\r\n${HOST}X-A: ${to}\r\n\r\n${HIDDEN}`),
  refused(
    'a request that has gone round',
    (to) => `GET ${to} HTTP/1.1\r\n${HOST}Via: 1.1 strangler-proxy, 1.1 strangler-proxy\r\nConnection: close\r\n\r\n`,
  ),
  refused('the preface of HTTP/2', () => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`),
  refused(
    'a head larger than 64 KiB',
    (to) => `GET ${to} HTTP/1.1\r\n${HOST}X-A: ${'x'.repeat(70_000)}\r\n\r\n${HIDDEN}`,
  ),
  refused('a head that never ends', (to) => `GET ${to} HTTP/1.1\r\n${HOST}${'X-A: 1\r\n'.repeat(20_000)}`),
  served(
    'chunked DELETE',
    (to) =>
      `DELETE ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${hex(HIDDEN)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  served(
    'chunked OPTIONS',
    (to) =>
      `OPTIONS ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${hex(HIDDEN)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  served(
    'GET with a body',
    (to) => `GET ${to} HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\nConnection: close\r\n\r\n${HIDDEN}`,
  ),
  served(
    'framing named by Connection',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Connection: close, Content-Length, Transfer-Encoding\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ),
  served(
    'chunk extensions',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${hex(HIDDEN)};a=b\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  served(
    'trailers of a request',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n`,
  ),
  refused(
    'a length among the trailers',
    (to) =>
      `POST ${to} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ),
  served(
    'h2c, offered',
    (to) =>
      `GET ${to} HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  ),
  served(
    'a Trailer field of a client',
    (to) => `GET ${to} HTTP/1.1\r\n${HOST}Trailer: X-T\r\nConnection: close\r\n\r\n`,
  ),
  served('an absolute target', (to) => `GET http://other.test${to} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`),
  served('2,500 fields', (to) => `GET ${to} HTTP/1.1\r\n${HOST}Connection: close\r\n${'f: 1\r\n'.repeat(2_500)}\r\n`),
  served('garbage behind a good request', (to) => `GET ${to} HTTP/1.1\r\n${HOST}\r\n\x00garbage\r\n\r\n${HIDDEN}`),
];

function hex(text: string): string {
  return text.length.toString(16);
}

function refused(name: string, bytes: HostileRequest['bytes']): HostileRequest {
  return { name, bytes, served: 0 };
}

function served(name: string, bytes: HostileRequest['bytes']): HostileRequest {
  return { name, bytes, served: 1 };
}
