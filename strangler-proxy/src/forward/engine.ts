import type { ProblemCode } from '../errors.ts';
import type { RequestBody } from './request-body.ts';

/**
 * Carries requests to one instance: the port between what is decided about a request and the bytes on a connection.
 * `http1/` is behind it, or `undici-engine.ts`; the same tests run against both.
 */
export interface Engine {
  /** Sends one request, once. Of the listener only `sent` may be called before this returns. */
  send(call: Call, listener: AnswerListener): CallHandle;
  /** Takes no more, lets what is under way end, then closes every connection. */
  close(): Promise<void>;
  /** Ends everything at once. */
  destroy(): Promise<void>;
}

/** One request. */
export interface Call {
  readonly method: string;
  /** In origin form, as the client wrote it. */
  readonly target: string;
  /** Names and values in turn; without those that frame the message or belong to the connection. */
  readonly headers: readonly string[];
  readonly body: RequestBody | undefined;
  /** The client waits for 100 (Continue) before it sends the body. */
  readonly expectsContinue: boolean;
  /** An idle connection may have been closed by the other end; this call shall not meet that a second time. */
  readonly onNewConnection: boolean;
}

/** Is told what becomes of a call, in this order; `ended` or `failed` is the last, and comes once. */
export interface AnswerListener {
  /** A connection has taken the request: from here on the upstream may act on it. */
  sent(): void;
  /** An interim answer (RFC 9110 section 15.2), {@link INTERIM_ANSWERS_MAX} of them at most. */
  interim(status: number, fields: readonly string[]): void;
  /** @param reason one character per byte, and nothing that would end the line. @param fields names and values in turn */
  head(status: number, reason: string, fields: readonly string[]): void;
  /** @param isLent whether the chunk is overwritten once this returns, so that it must be copied if it is kept */
  data(chunk: Buffer, isLent: boolean): void;
  /** That is all for now; what comes next may take a while. */
  paused(): void;
  ended(trailers: readonly string[]): void;
  failed(code: ProblemCode, cause: Error): void;
}

/** Steers a call under way. All of it does nothing once the call is over. */
export interface CallHandle {
  /** Stops the answer; a little of it may still come. */
  pause(): void;
  resume(): void;
  /** Gives the call up: its connection is closed, and the listener hears no more. */
  abort(): void;
}

/** How an engine treats its instance. */
export interface EngineLimits {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Answers with a head larger than this are refused; four times Node's default, so that we are not the narrowest. */
export const ANSWER_HEAD_BYTES_MAX = 64 * 1024;

/** An upstream that sends more answers before the answer than this is not going to send it. */
export const INTERIM_ANSWERS_MAX = 32;
