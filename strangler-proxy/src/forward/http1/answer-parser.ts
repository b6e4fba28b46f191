import { invalid, UpstreamFault } from '../answer-faults.ts';
import { ANSWER_HEAD_BYTES_MAX, INTERIM_ANSWERS_MAX } from '../engine.ts';
import { ChunkedBody } from './chunked-body.ts';
import { isCleanHead, readFieldLines } from './field-lines.ts';
import { CHUNKED, readFraming, UNTIL_CLOSE } from './framing.ts';

/** Is told what an answer consists of. */
export interface AnswerSink {
  interim(status: number, fields: readonly string[]): void;
  head(status: number, reason: string, fields: readonly string[]): void;
  /** A window into what was read: it must be copied if it is kept. */
  data(piece: Buffer): void;
  /** @param keepMs for how long the connection may be kept; 0: nothing may follow on it */
  end(trailers: readonly string[], keepMs: number): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** RFC 9112 section 4. Many servers leave out the space before a reason that they leave out. */
const STATUS_LINE = /HTTP\/1\.([01]) ([1-9]\d\d)(?: ([^\r\n]*))?\r\n/y;
const PROTOCOL = 'HTTP/1.';
const NO_TRAILERS: readonly string[] = [];

/**
 * Reads the answers on one connection, one after the other, strictly by RFC 9112: what is not exactly HTTP/1.1 or 1.0
 * is refused.
 */
export class AnswerParser {
  readonly #sink: AnswerSink;
  #state: 'idle' | 'head' | 'sized' | 'chunked' | 'until-close' = 'idle';
  #toHead = false;
  #interimAnswers = 0;
  /** A head as far as it has come. */
  #held: Buffer | undefined;
  #left = 0;
  #chunks = new ChunkedBody();
  #keepMs = 0;
  readonly #onData = (piece: Buffer): void => this.#sink.data(piece);

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  /** Whether more of a body is to come. */
  get isInBody(): boolean {
    return this.#state !== 'idle' && this.#state !== 'head';
  }

  /** Expects the answer to a request. */
  begin(toHead: boolean): void {
    this.#state = 'head';
    this.#toHead = toHead;
    this.#interimAnswers = 0;
  }

  /** Nobody wants the rest: the connection is about to be closed. */
  stop(): void {
    this.#state = 'idle';
    this.#held = undefined;
  }

  /** @throws UpstreamFault for what is no answer, and for bytes that nobody asked for */
  read(bytes: Buffer): void {
    switch (this.#state) {
      case 'idle':
        throw invalid('bytes that nobody asked for');
      case 'head':
        this.#readHead(bytes);
        break;
      default:
        this.#readBody(bytes, 0);
    }
  }

  /** The other end has closed. @throws UpstreamFault if more should have come */
  close(): void {
    if (this.#state !== 'until-close') throw new UpstreamFault('upstream-closed', 'the answer broke off');
    this.#end(NO_TRAILERS, 0);
  }

  #readHead(piece: Buffer): void {
    const bytes = this.#held === undefined ? piece : Buffer.concat([this.#held, piece]);
    const end = bytes.indexOf(HEAD_END);
    if (end > ANSWER_HEAD_BYTES_MAX || (end < 0 && bytes.length > ANSWER_HEAD_BYTES_MAX)) {
      throw new UpstreamFault('upstream-head-too-large', 'the head of the answer is too large');
    }
    if (end < 0) {
      const start = bytes.toString('latin1', 0, PROTOCOL.length);
      if (!PROTOCOL.startsWith(start)) throw invalid('this is not HTTP');
      // A copy: the piece is a window into a buffer that is read into again.
      this.#held = bytes === piece ? Buffer.from(piece) : bytes;
      return;
    }
    this.#held = undefined;
    const head = bytes.toString('latin1', 0, end + 2);
    STATUS_LINE.lastIndex = 0;
    const line = STATUS_LINE.exec(head);
    if (line === null || !isCleanHead(head)) throw invalid('the head of the answer is malformed');
    const status = Number(line[2]);
    const fields = readFieldLines(head, STATUS_LINE.lastIndex);
    const next = end + HEAD_END.length;
    if (status < 200) this.#interim(status, fields, bytes.subarray(next));
    else this.#final(status, line[3] ?? '', fields, line[1] === '0', bytes, next);
  }

  #interim(status: number, fields: readonly string[], rest: Buffer): void {
    // RFC 9110 section 15.2.2: only after a request that asked to switch, and those are carried elsewhere.
    if (status === 101) throw invalid('a protocol switch that nobody asked for');
    if (++this.#interimAnswers > INTERIM_ANSWERS_MAX) throw invalid('no end of interim answers');
    this.#sink.interim(status, fields);
    if (rest.length > 0 && this.#state === 'head') this.#readHead(rest);
  }

  #final(status: number, reason: string, fields: string[], isHttp10: boolean, bytes: Buffer, next: number): void {
    const hasContent = !this.#toHead && status !== 204 && status !== 304;
    const { framing, keepMs } = readFraming(fields, isHttp10, hasContent);
    this.#keepMs = keepMs;
    if (framing === CHUNKED) {
      this.#chunks = new ChunkedBody();
      this.#state = 'chunked';
    } else if (framing === UNTIL_CLOSE) {
      this.#state = 'until-close';
    } else {
      this.#left = framing;
      this.#state = 'sized';
    }
    this.#sink.head(status, reason, fields);
    if (framing === 0 || next < bytes.length) this.#readBody(bytes, next);
  }

  #readBody(bytes: Buffer, from: number): void {
    switch (this.#state) {
      case 'sized': {
        const end = Math.min(bytes.length, from + this.#left);
        this.#left -= end - from;
        if (end > from) this.#sink.data(bytes.subarray(from, end));
        if (this.#left === 0) this.#end(NO_TRAILERS, bytes.length - end);
        break;
      }
      case 'chunked': {
        const end = this.#chunks.read(bytes, from, this.#onData);
        if (end >= 0) this.#end(this.#chunks.trailers, bytes.length - end);
        break;
      }
      case 'until-close':
        this.#sink.data(bytes.subarray(from));
        break;
    }
  }

  /** @param excess bytes behind the answer: whoever sent them may do it again, as the answer to somebody else */
  #end(trailers: readonly string[], excess: number): void {
    // Given up meanwhile by whom it was for.
    if (this.#state === 'idle') return;
    this.#state = 'idle';
    this.#sink.end(trailers, excess > 0 ? 0 : this.#keepMs);
  }
}
