import type { IncomingMessage } from 'node:http';
import { namedByConnection } from './request-head.ts';
import { passableTrailers } from './trailers.ts';

/** Emitted on a request whose body turned out to be malformed. Node itself only tells the server. */
export const MALFORMED = Symbol('the body of the request is malformed');

/** Takes a body as it comes. */
export interface BodySink {
  /** @returns whether more may come now; if not, the sink asks for it with {@link RequestBody.resume}. */
  data(chunk: Buffer): boolean;
  /** @param trailers names and values in turn (RFC 9112 section 7.1.2) */
  end(trailers: readonly string[]): void;
}

/** How long a client may go on sending a body that nobody reads any more, before its connection is closed. */
const LINGER_MS = 5_000;

/**
 * The body of a client's request, at the pace of the upstream's connection. Nothing of it is read before a connection
 * takes it, so that a call of which nothing was sent can be made again.
 */
export class RequestBody {
  /** As Content-Length says; undefined if it comes in chunks. */
  readonly length: number | undefined;
  readonly #request: IncomingMessage;
  #sink: BodySink | undefined;

  constructor(request: IncomingMessage) {
    this.#request = request;
    const length = request.headers['content-length'];
    this.length = length === undefined ? undefined : Number(length);
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#request.on('data', this.#onData).on('end', this.#onEnd);
  }

  resume(): void {
    if (this.#sink !== undefined) this.#request.resume();
  }

  /** Nobody takes any more of it. */
  stop(): void {
    if (this.#sink === undefined) return;
    this.#sink = undefined;
    this.#request.off('data', this.#onData).off('end', this.#onEnd).pause();
  }

  /**
   * Reads and drops what a client still sends, for a while, so that it gets to read an answer which came before its
   * upload had ended (RFC 9112 section 9.6).
   */
  drop(): void {
    this.stop();
    const request = this.#request;
    if (request.complete || request.destroyed) return;
    const tooLong = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
    request.once('close', () => clearTimeout(tooLong)).once('end', () => clearTimeout(tooLong));
    request.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#sink?.data(chunk) === false) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    const { rawTrailers, headers } = this.#request;
    this.#sink?.end(passableTrailers(rawTrailers, namedByConnection(headers.connection)));
  };
}
