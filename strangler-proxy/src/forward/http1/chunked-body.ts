import { invalid } from '../answer-faults.ts';
import { isCleanHead, readFieldLines } from './field-lines.ts';

/** A size, and what it may have behind it: extensions, which nobody may be made to understand (RFC 9112 section 7.1.1). */
const SIZE_LINE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n$/;
const SIZE_LINE_BYTES_MAX = 4 * 1024;
const TRAILER_BYTES_MAX = 16 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/** Reads the chunks of one body (RFC 9112 section 7.1), however they are cut into pieces on their way. */
export class ChunkedBody {
  /** Names and values in turn; what came after the last chunk. */
  trailers: readonly string[] = [];
  #state: 'size' | 'data' | 'after-data' | 'trailers' = 'size';
  /** Bytes of the present chunk that are still to come. */
  #left = 0;
  /** A line, or all trailers, as far as they have come. */
  #held = '';

  /**
   * Reads from `from` on, and calls `data` for each piece of the content.
   *
   * @returns where the body ends; -1 if it goes on
   * @throws UpstreamFault
   */
  read(bytes: Buffer, from: number, data: (piece: Buffer) => void): number {
    let at = from;
    while (at < bytes.length) {
      switch (this.#state) {
        case 'size':
          at = this.#readSize(bytes, at);
          break;
        case 'data': {
          const end = Math.min(bytes.length, at + this.#left);
          data(bytes.subarray(at, end));
          this.#left -= end - at;
          at = end;
          if (this.#left === 0) this.#state = 'after-data';
          break;
        }
        case 'after-data':
          at = this.#readLineEnd(bytes, at);
          break;
        case 'trailers': {
          const end = this.#readTrailers(bytes, at);
          if (end >= 0) return end;
          at = bytes.length;
          break;
        }
      }
    }
    return -1;
  }

  #readSize(bytes: Buffer, from: number): number {
    const line = this.#line(bytes, from, SIZE_LINE_BYTES_MAX);
    if (line === undefined) return bytes.length;
    const digits = SIZE_LINE.exec(line)?.[1];
    if (digits === undefined) throw invalid('the size of a chunk is none');
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'data';
    return bytes.indexOf(LF, from) + 1;
  }

  #readLineEnd(bytes: Buffer, from: number): number {
    const expected = this.#held === '' ? CR : LF;
    if (bytes[from] !== expected) throw invalid('a chunk is longer than its size');
    this.#held = expected === CR ? '\r' : '';
    if (expected === LF) this.#state = 'size';
    return from + 1;
  }

  /** Trailers end with an empty line. */
  #readTrailers(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; ) {
      const lineFeed = bytes.indexOf(LF, at);
      const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
      this.#hold(bytes, at, end, TRAILER_BYTES_MAX);
      at = end;
      const isOver = this.#held === '\r\n' || this.#held.endsWith('\r\n\r\n');
      if (lineFeed < 0 || !isOver) continue;
      const lines = this.#held.slice(0, -2);
      if (!isCleanHead(lines)) throw invalid('a trailer is malformed');
      this.trailers = readFieldLines(lines, 0);
      return end;
    }
    return -1;
  }

  /** The line that began before or at `from`, with its end; undefined while that is still to come. */
  #line(bytes: Buffer, from: number, bytesMax: number): string | undefined {
    const lineFeed = bytes.indexOf(LF, from);
    this.#hold(bytes, from, lineFeed < 0 ? bytes.length : lineFeed + 1, bytesMax);
    if (lineFeed < 0) return undefined;
    const line = this.#held;
    this.#held = '';
    return line;
  }

  #hold(bytes: Buffer, from: number, to: number, bytesMax: number): void {
    if (this.#held.length + to - from > bytesMax) throw invalid('a line of a chunked body is too long');
    this.#held += bytes.toString('latin1', from, to);
  }
}
