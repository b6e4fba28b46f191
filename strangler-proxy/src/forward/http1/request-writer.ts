import type { Socket } from 'node:net';
import { UpstreamFault } from '../answer-faults.ts';
import type { Call } from '../engine.ts';
import type { BodySink } from '../request-body.ts';
import { isCleanHead } from './field-lines.ts';

/**
 * The head of a request (RFC 9112 sections 2.1 and 3).
 *
 * @param authority the Host of a request that came without one, as HTTP/1.0 allows (RFC 9112 section 3.2)
 * @throws UpstreamFault if some part holds what would end its line, or make two lines of it
 */
export function headOf(call: Call, authority: string): string {
  const { method, target, headers, body, expectsContinue } = call;
  let head = `${method} ${target} HTTP/1.1\r\n`;
  let lines = 1 + headers.length / 2;
  let hasHost = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    head += `${name}: ${headers[i + 1]}\r\n`;
    hasHost ||= name.length === 4 && name.toLowerCase() === 'host';
  }
  const add = (line: string) => {
    head += `${line}\r\n`;
    lines++;
  };
  if (!hasHost) add(`Host: ${authority}`);
  if (body !== undefined && body.length === undefined) add('Transfer-Encoding: chunked');
  if (expectsContinue) add('Expect: 100-continue');
  if (!isCleanHead(head) || countLines(head) !== lines || /[\t ]/.test(target)) {
    throw new UpstreamFault('request-refused', 'the head of the request is not one');
  }
  return `${head}\r\n`;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/**
 * Writes the body of a request behind its head, at the pace of the socket.
 *
 * What comes within one turn of the event loop is one write, after everything that this turn reads: an upstream that
 * refuses an upload answers and then closes, and who writes to it before reading loses its answer to the reset.
 */
export class BodyWriter implements BodySink {
  /** Whether all of the body was handed to the system, or will be. */
  isWhole = false;
  readonly #socket: Socket;
  readonly #isChunked: boolean;
  readonly #progressed: () => void;

  /** @param progressed called when some of the body was written */
  constructor(socket: Socket, isChunked: boolean, progressed: () => void) {
    this.#socket = socket;
    this.#isChunked = isChunked;
    this.#progressed = progressed;
    hold(socket);
  }

  data(chunk: Buffer): boolean {
    const socket = this.#socket;
    hold(socket);
    if (this.#isChunked) socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    let goesOn = socket.write(chunk);
    if (this.#isChunked) goesOn = socket.write('\r\n', 'latin1');
    this.#progressed();
    return goesOn;
  }

  end(trailers: readonly string[]): void {
    this.isWhole = true;
    if (this.#isChunked) {
      let lines = '';
      for (let i = 0; i < trailers.length; i += 2) lines += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      this.#socket.write(`0\r\n${lines}\r\n`, 'latin1');
    }
    this.#progressed();
  }
}

function hold(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(letGo, socket);
}

function letGo(socket: Socket): void {
  socket.uncork();
}
