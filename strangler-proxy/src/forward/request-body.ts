import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Emitted on a request whose body turned out to be malformed. Node itself only tells the server. */
export const MALFORMED = Symbol('the body of the request is malformed');

/** Ends the copying of a body whose client left. */
export const CLIENT_GONE = new Error('the client left');
/** Ends the copying of a body that is not valid HTTP. */
export const BODY_MALFORMED = new Error('the body of the request is malformed');

/** How long a client may go on sending a body that nobody reads any more, before its connection is closed. */
const LINGER_MS = 5_000;

/**
 * The body of a request as the upstream's connection reads it, at that connection's pace.
 *
 * It stands between the two because undici destroys a body that it stops reading, and to destroy the client's request
 * is to destroy the client's connection: an answer that comes before the upload has ended would be lost. What is left
 * of such an upload is read and dropped, so that the client gets to read its answer (RFC 9112 section 9.6).
 */
export function requestBody(request: IncomingMessage): Readable {
  const body = new Readable({
    read() {
      request.resume();
    },
    destroy(error, done) {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off(MALFORMED, onMalformed);
      if (!request.complete && !request.destroyed) dropRest(request);
      done(error);
    },
  });
  const onData = (chunk: Buffer) => {
    if (!body.push(chunk)) request.pause();
  };
  const onEnd = () => body.push(null);
  const onClose = () => {
    if (!request.complete) body.destroy(CLIENT_GONE);
  };
  const onMalformed = () => body.destroy(BODY_MALFORMED);
  request.on('data', onData).on('end', onEnd).on('close', onClose).on(MALFORMED, onMalformed);
  request.on('error', () => {});
  request.pause();
  return body;
}

/** Reads and drops what a client still sends, for a while. */
function dropRest(request: IncomingMessage): void {
  const tooLong = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(tooLong)).once('end', () => clearTimeout(tooLong));
  request.resume();
}
