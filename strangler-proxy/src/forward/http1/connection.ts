import { connect, type Socket } from 'node:net';
import { type ProblemCode, upstreamProblem } from '../../errors.ts';
import { UpstreamFault } from '../answer-faults.ts';
import type { AnswerListener, Call, CallHandle } from '../engine.ts';
import { AnswerParser } from './answer-parser.ts';
import { BodyWriter, headOf } from './request-writer.ts';

/** Who a connection belongs to. Time is counted in ticks of its clock, which cost nothing to read. */
export interface ConnectionOwner {
  readonly host: string;
  readonly port: number;
  /** Both, as they are written in a URL. */
  readonly authority: string;
  readonly connectTicks: number;
  readonly headersTicks: number;
  readonly idleTicks: number;
  /** The tick that will come after this many milliseconds. */
  tickAfter(ms: number): number;
  now(): number;
  /** It has nothing to do now, and may be kept. */
  released(connection: Connection): void;
  closed(connection: Connection): void;
}

/** No deadline. */
const NEVER = Number.POSITIVE_INFINITY;
const READ_BYTES = 64 * 1024;
/** A piece of a body from this size on is given away in the buffer that it was read into; smaller ones are lent. */
const GIVEN_AWAY_BYTES_MIN = 16 * 1024;

/**
 * What all connections read heads and short answers into: they are done with it before the next one reads. On Windows
 * the system holds a buffer for as long as it waits, so there each connection has one of its own.
 */
const SHARED = process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(READ_BYTES);

/** A connection to an upstream: one call at a time, any number of them one after the other (RFC 9112 section 9.3). */
export class Connection {
  /** The tick at which it has waited too long for whatever it waits for. */
  deadline = NEVER;
  /** Since when it has nothing to do, by `performance.now()`. */
  idleSince = 0;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: AnswerParser;
  #isConnected = false;
  #isClosed = false;
  #call: Http1Call | undefined;
  /** What is read into, or was last. */
  #buffer: Buffer;
  #isGivenAway = false;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
    this.#parser = new AnswerParser({
      interim: (status, fields) => this.#call?.listener.interim(status, fields),
      head: (status, reason, fields) => {
        if (this.#call === undefined) return;
        this.#call.hasHead = true;
        this.#call.listener.head(status, reason, fields);
      },
      data: (piece) => this.#call?.listener.data(piece, this.#isLent(piece)),
      end: (trailers, keepMs) => this.#ended(trailers, keepMs),
    });
    this.#buffer = SHARED ?? Buffer.allocUnsafeSlow(READ_BYTES);
    this.#socket = connect({
      host: owner.host,
      port: owner.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      onread: { buffer: () => this.#nextBuffer(), callback: (size) => this.#read(size) },
    });
    this.deadline = owner.now() + owner.connectTicks;
    this.#socket
      .on('connect', () => this.#connected())
      .on('drain', () => this.#drained())
      .on('end', () => this.#otherEndClosed())
      .on('error', (error) => this.#fail(upstreamProblem(error), error))
      .on('close', () =>
        this.#fail('upstream-closed', new UpstreamFault('upstream-closed', 'the connection was closed')),
      );
  }

  /** Takes a call; it is sent as soon as there is a connection. */
  begin(call: Http1Call): void {
    this.#call = call;
    call.connection = this;
    if (this.#isConnected) this.#send(call);
  }

  pause(): void {
    this.#socket.pause();
    this.touch();
  }

  resume(): void {
    this.#socket.resume();
    this.touch();
  }

  /** Its time is over. */
  expire(): void {
    if (!this.#isConnected) this.#fail('upstream-connect-timeout', new Error('no connection in time'));
    else if (this.#call !== undefined) this.#fail('upstream-timeout', new Error('no answer in time'));
    else this.destroy();
  }

  /** Closes it at once, and tells nobody but its owner. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#call?.over();
    this.#call = undefined;
    this.#parser.stop();
    this.#socket.destroy();
    this.#owner.closed(this);
  }

  /** Ends the call under way, if there is one, with this problem. */
  fail(code: ProblemCode, cause: Error): void {
    this.#fail(code, cause);
  }

  /** Something moved, or what is waited for has changed: the wait begins anew. */
  touch(): void {
    const { headersTicks, idleTicks } = this.#owner;
    const call = this.#call;
    if (call === undefined) return;
    // Whoever takes the answer bounds its own pauses, and so does the client that sends the request.
    const isClientsTurn = call.isPaused || (!call.hasHead && call.waitsForBody(this.#socket.writableNeedDrain));
    this.deadline = isClientsTurn ? NEVER : this.#owner.now() + (call.hasHead ? idleTicks : headersTicks);
  }

  #connected(): void {
    this.#isConnected = true;
    if (this.#call !== undefined) this.#send(this.#call);
  }

  #send(call: Http1Call): void {
    const { request, listener } = call;
    const { body } = request;
    let head: string;
    try {
      head = headOf(request, this.#owner.authority);
    } catch (error) {
      process.nextTick(() => this.#fail('request-refused', error as Error));
      return;
    }
    this.#parser.begin(request.method === 'HEAD');
    listener.sent();
    if (body === undefined) {
      this.#socket.write(head, 'latin1');
    } else {
      call.writer = new BodyWriter(this.#socket, body.length === undefined, () => this.touch());
      this.#socket.write(head, 'latin1');
      body.start(call.writer);
    }
    this.touch();
  }

  #drained(): void {
    this.touch();
    this.#call?.request.body?.resume();
  }

  #nextBuffer(): Buffer {
    if (SHARED !== undefined && !this.#parser.isInBody) this.#buffer = SHARED;
    else if (this.#isGivenAway || this.#buffer === SHARED) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    this.#isGivenAway = false;
    return this.#buffer;
  }

  #read(size: number): boolean {
    try {
      this.#parser.read(this.#buffer.subarray(0, size));
      this.touch();
      this.#call?.listener.paused();
    } catch (error) {
      const fault = error instanceof UpstreamFault ? error : new UpstreamFault('proxy-fault', String(error));
      this.#fail(fault.problem, fault);
    }
    return true;
  }

  /** Whether a piece of what was read has to be copied to be kept; if not, its buffer is given away with it. */
  #isLent(piece: Buffer): boolean {
    if (this.#buffer === SHARED || piece.length < GIVEN_AWAY_BYTES_MIN) return true;
    this.#isGivenAway = true;
    return false;
  }

  #otherEndClosed(): void {
    if (this.#call === undefined) {
      this.destroy();
      return;
    }
    try {
      this.#parser.close();
    } catch (error) {
      this.#fail('upstream-closed', error as Error);
    }
  }

  /** The answer is whole. The connection is kept only if the request is, too (RFC 9112 section 9.3). */
  #ended(trailers: readonly string[], keepMs: number): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    const isKept = keepMs > 0 && call.isSentWhole;
    const { isPaused } = call;
    call.over();
    if (isKept) {
      if (isPaused) this.#socket.resume();
      this.idleSince = performance.now();
      this.deadline = this.#owner.tickAfter(keepMs);
      this.#owner.released(this);
    } else this.destroy();
    call.listener.ended(trailers);
  }

  #fail(code: ProblemCode, cause: Error): void {
    const call = this.#call;
    this.destroy();
    call?.listener.failed(code, cause);
  }
}

/** One call, for as long as it lasts. */
export class Http1Call implements CallHandle {
  readonly request: Call;
  readonly listener: AnswerListener;
  connection: Connection | undefined;
  writer: BodyWriter | undefined;
  hasHead = false;
  isPaused = false;

  constructor(request: Call, listener: AnswerListener) {
    this.request = request;
    this.listener = listener;
  }

  get isSentWhole(): boolean {
    return this.writer === undefined || this.writer.isWhole;
  }

  /** Whether it is the client that keeps the upstream waiting for the request. */
  waitsForBody(isHeldBack: boolean): boolean {
    return !this.isSentWhole && !isHeldBack;
  }

  pause(): void {
    if (this.connection === undefined || this.isPaused) return;
    this.isPaused = true;
    this.connection.pause();
  }

  resume(): void {
    if (this.connection === undefined || !this.isPaused) return;
    this.isPaused = false;
    this.connection.resume();
  }

  abort(): void {
    this.connection?.destroy();
  }

  /** Nothing more happens to it. */
  over(): void {
    this.connection = undefined;
    this.request.body?.stop();
  }
}
