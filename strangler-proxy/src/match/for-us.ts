import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Whether a request ends here: OPTIONS of the server as a whole (RFC 9110 section 9.3.7), and a request whose sender
 * allows no further hop (section 7.6.2).
 */
export function isForUs({ method, url, headers }: IncomingMessage): boolean {
  if (method !== 'OPTIONS' && method !== 'TRACE') return false;
  const mayGoOn = !/^0+$/.test(String(headers['max-forwards'] ?? ''));
  return !mayGoOn || (method === 'OPTIONS' && url !== undefined && WHOLE_SERVER.test(url));
}

/** `*`, and the same in absolute form: an authority without a path (RFC 9112 section 3.2.4). */
const WHOLE_SERVER = /^(?:\*|https?:\/\/[^/?#]+)$/i;

/**
 * Says that we are here, and nothing else, once the request is whole: what turns out malformed gets no such answer. A
 * TRACE is not reflected: it would show what hops before us added.
 */
export function answerForUs(request: IncomingMessage, response: ServerResponse): void {
  const answer = () => {
    if (response.headersSent) return;
    response.writeHead(request.method === 'TRACE' ? 405 : 200, ['Content-Length', '0', 'Allow', 'OPTIONS']);
    response.end();
  };
  const { headers } = request;
  // Node tells no end of a request that has no body.
  if (headers['transfer-encoding'] === undefined && headers['content-length'] === undefined) answer();
  else request.once('end', answer).resume();
}
