import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { isConnectionLost, isUpstreamsFault, type ProblemCode, upstreamProblem } from '../errors.ts';
import type { FailureCode, FallbackCause } from '../metrics.ts';
import type { ControlTap } from '../shadow/index.ts';
import { admit, hasAnother, leave } from './admission.ts';
import { InvalidAnswer, isOutOfService, OVERDUE, ServerError } from './answer-faults.ts';
import { answerHead, hasContent, pairs, phrase, rawStrings, withoutTrailerPromise } from './answer-head.ts';
import { type Fields, type HeadAdditions, NO_FIELDS } from './head-additions.ts';
import type { Instance } from './instances.ts';
import { BODY_MALFORMED, CLIENT_GONE, requestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import { sendProblem } from './send-problem.ts';
import type { Upstream } from './upstreams.ts';

/** One request, and where it goes. */
export interface ExchangePlan {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly target: string;
  readonly head: RequestHead;
  readonly upstream: Upstream;
  /** Serves in its place if it fails before a byte of its answer was sent, or answers 5xx. Never given for a write. */
  readonly fallback: Upstream | undefined;
  /** Whether answers say which upstream served. */
  readonly servedBy: boolean;
  readonly setCookie: string | undefined;
  readonly additions: HeadAdditions | undefined;
  /** The client waits for 100 (Continue) before it sends its body. */
  readonly expectsContinue: boolean;
  fellBack(from: Upstream, cause: FallbackCause): void;
  /** Called once, when the last of the answer was handed over or nothing more can be. */
  ended(end: ExchangeEnd): void;
}

/** How an exchange ended. */
export interface ExchangeEnd {
  /** 499 if the client left before there was an answer. */
  readonly status: number;
  /** The upstream that served, or failed last. */
  readonly upstream: Upstream;
  /** When the head of the answer came, by `performance.now()`. */
  readonly headAt: number | undefined;
  readonly failure: FailureCode | undefined;
}

/** Bodies up to this size are copied next to their head. */
const ONE_WRITE_BYTES_MAX = 4 * 1024;

/** What an answer may send while its head is held back; what is more waits at the upstream. */
const HELD_BACK_BYTES_MAX = 64 * 1024;

/** An upstream that sends more answers before the answer than this is not going to send it (RFC 9110 section 15.2). */
const INTERIM_ANSWERS_MAX = 32;

/** The status that logs and metrics show for a client that left; never sent. */
export const CLIENT_GONE_STATUS = 499;

/** Sends a request to its upstream and the answer to the client, both as they come. */
export function forward(plan: ExchangePlan): Exchange {
  const exchange = new Exchange(plan);
  exchange.start(plan.upstream);
  return exchange;
}

/**
 * One request under way. A class, as it is the handler that undici calls back; its methods are in the order in which
 * they are called.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #plan: ExchangePlan;
  #upstream: Upstream;
  /** Undefined while no upstream has anything to do for this request. */
  #instance: Instance | undefined;
  #isSent = false;
  /** Whether the instance's circuit was told how it went. */
  #isJudged = false;
  #triedAgain = false;
  #interimAnswers = 0;
  #deadline: NodeJS.Timeout | undefined;
  #isOverdue = false;
  #body: Readable | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #headAt: number | undefined;
  /** The first bytes of the body, held to the end of this turn of the event loop: a short answer is one write. */
  #held: Buffer | undefined;
  #holding = false;
  /** What the upstream did since its head was held back, to be done when that is sent. */
  #heldBack: (() => void)[] | undefined;
  #heldBackBytes = 0;
  #over = false;
  #tap: ControlTap | undefined;

  constructor(plan: ExchangePlan) {
    this.#plan = plan;
    this.#upstream = plan.upstream;
    plan.response.on('close', () => this.#clientClosed());
  }

  start(upstream: Upstream, besides?: Instance): void {
    const { request, method, target, head } = this.#plan;
    this.#upstream = upstream;
    const admitted = admit(upstream, this.#canFallBack(), besides);
    if (typeof admitted === 'string') {
      this.#failed(admitted);
      return;
    }
    this.#instance = admitted;
    this.#isOverdue = false;
    if (upstream.totalTimeoutMs > 0) this.#startDeadline(upstream.totalTimeoutMs);
    if (head.hasBody) this.#body ??= requestBody(request);
    const options: Dispatcher.DispatchOptions & { servername?: string } = {
      origin: admitted.origin,
      path: target,
      method,
      headers: head.headers,
      body: this.#body ?? null,
    };
    if (admitted.servername !== undefined) options.servername = admitted.servername;
    admitted.dispatcher.dispatch(options, this);
  }

  /** Lets `tap` see the answer of the chosen upstream pass by, and of no other. It neither throws nor waits. */
  watch(tap: ControlTap): void {
    if (this.#over || this.#upstream !== this.#plan.upstream) tap.abort();
    else this.#tap = tap;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#over) {
      controller.abort(CLIENT_GONE);
      return;
    }
    if (this.#isOverdue) {
      controller.abort(OVERDUE);
      return;
    }
    this.#controller = controller;
    this.#isSent = true;
    if (this.#plan.expectsContinue) this.#plan.response.writeContinue();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _parsed: unknown, reason?: string): void {
    const raw = rawStrings(controller.rawHeaders);
    if (status < 200) {
      this.#informational(status, raw);
      return;
    }
    if (status > 999) throw new InvalidAnswer(`status ${status}`);
    if (status >= 500 && this.#canFallBack()) throw new ServerError(status);
    this.#judge(!isOutOfService(status));
    this.#headAt = performance.now();
    this.#tap?.head(status, raw);
    const added = this.#plan.additions?.answered() ?? NO_FIELDS;
    if (added instanceof Promise) this.#holdBack(controller, status, reason, raw, added);
    else this.#sendHead(status, reason, raw, added);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#heldBack !== undefined) {
      this.#heldBack.push(() => this.onResponseData(controller, chunk));
      this.#heldBackBytes += chunk.length;
      if (this.#heldBackBytes > HELD_BACK_BYTES_MAX) controller.pause();
      return;
    }
    this.#tap?.data(chunk);
    if (this.#holding && this.#held === undefined) {
      this.#held = chunk;
      return;
    }
    this.release();
    this.#write(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const { response } = this.#plan;
    if (this.#over) return;
    if (this.#heldBack !== undefined) {
      this.#heldBack.push(() => this.onResponseEnd(controller));
      return;
    }
    this.#tap?.end();
    this.#holding = false;
    const trailers = controller.rawTrailers === undefined ? [] : rawStrings(controller.rawTrailers ?? []);
    if (trailers.length > 0 && response.chunkedEncoding) response.addTrailers(pairs(trailers));
    const last = this.#held;
    this.#held = undefined;
    if (last === undefined) response.end();
    else if (last.length > ONE_WRITE_BYTES_MAX) response.end(last);
    // As a string it goes out in one write with the head; a head and a buffer are two pieces, and twice the system time.
    else response.end(last.toString('latin1'), 'latin1');
    this.#end(response.statusCode, undefined);
  }

  onResponseError(controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return;
    if (this.#heldBack !== undefined) {
      this.#heldBack.push(() => this.onResponseError(controller, error));
      return;
    }
    this.#tap?.abort();
    this.#tap = undefined;
    if (error instanceof ServerError) this.#wrong(error.status);
    else if (error === CLIENT_GONE) this.#end(CLIENT_GONE_STATUS, 'client-gone');
    else if (error === BODY_MALFORMED) this.#answer('request-malformed');
    else if (error === OVERDUE) this.#failed('upstream-total-timeout');
    else if (error instanceof InvalidAnswer) this.#failed('upstream-invalid');
    else this.#failed(upstreamProblem(error));
  }

  /** Until it is known what is added to the head, what follows waits. */
  #holdBack(
    controller: Dispatcher.DispatchController,
    status: number,
    reason: string | undefined,
    raw: readonly string[],
    added: Promise<Fields>,
  ): void {
    const heldBack: (() => void)[] = [];
    this.#heldBack = heldBack;
    void added.then((fields) => {
      this.#heldBack = undefined;
      if (this.#over) return;
      this.#sendHead(status, reason, raw, fields);
      for (const step of heldBack) step();
      // A client that does not take what was held is waited for by `#write`.
      if (this.#heldBackBytes > HELD_BACK_BYTES_MAX && !this.#plan.response.writableNeedDrain) controller.resume();
    });
  }

  #sendHead(status: number, reason: string | undefined, raw: readonly string[], added: Fields): void {
    const { response, request, servedBy, setCookie } = this.#plan;
    const { headers, hasLength } = answerHead(raw, {
      servedBy: servedBy ? this.#upstream.name : undefined,
      setCookie,
      added,
    });
    const chunked = !hasLength && request.httpVersion === '1.1' && hasContent(request.method, status);
    // Express announces itself; what the upstream announces is the truth.
    if (response.hasHeader('X-Powered-By')) response.removeHeader('X-Powered-By');
    response.writeHead(status, phrase(reason), chunked ? headers : withoutTrailerPromise(headers));
    this.#holding = true;
    process.nextTick(release, this);
  }

  /** Sends what was held: the head alone, if no body came with it, so that nobody waits for a slow first byte. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    const { response } = this.#plan;
    // `flushHeaders` would write the fields as UTF-8, and they are bytes.
    if (this.#held === undefined) response.write('', 'latin1');
    else if (this.#controller !== undefined) this.#write(this.#controller, this.#held);
    this.#held = undefined;
  }

  #write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#plan;
    if (response.write(chunk)) return;
    controller.pause();
    response.once('drain', () => controller.resume());
  }

  /** RFC 9110 section 15.2: passed on, as far as Node has a way to send them; HTTP/1.0 does not know them. */
  #informational(status: number, raw: readonly string[]): void {
    const { response, request } = this.#plan;
    if (status < 100) throw new InvalidAnswer(`status ${status}`);
    if (++this.#interimAnswers > INTERIM_ANSWERS_MAX) throw new InvalidAnswer('no end of interim answers');
    if (request.httpVersion !== '1.1') return;
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints = pairs(raw).filter(([name]) => !/^(?:connection|keep-alive|transfer-encoding)$/i.test(name));
    const links = hints.filter(([name]) => name.toLowerCase() === 'link').map(([, value]) => value);
    if (links.length > 0) response.writeEarlyHints({ link: links });
  }

  /** The upstream failed, or we did. */
  #failed(code: ProblemCode): void {
    if (this.#isUpstreamsFault(code)) this.#judge(false);
    if (this.#canFallBack()) this.#fallBack(code);
    else if (this.#canTryAgain(code)) this.#tryAgain();
    else this.#answer(code);
  }

  /** Who is served by the owner instead need not suffer from a service's mistakes. */
  #wrong(status: number): void {
    this.#judge(!isOutOfService(status));
    this.#fallBack('upstream-5xx');
  }

  /** Time may also have run out because of a client that is slow to send or to take. */
  #isUpstreamsFault(code: ProblemCode): boolean {
    if (code === 'upstream-total-timeout') return this.#headAt === undefined && !this.#plan.head.hasBody;
    return isUpstreamsFault(code);
  }

  #canFallBack(): boolean {
    const { fallback, response, head } = this.#plan;
    const isLeft = fallback !== undefined && fallback !== this.#upstream;
    return isLeft && !head.hasBody && !response.headersSent && !response.destroyed;
  }

  #fallBack(cause: FallbackCause): void {
    const { fallback = this.#upstream, fellBack } = this.#plan;
    this.#leave();
    fellBack(this.#upstream, cause);
    this.start(fallback);
  }

  /**
   * One second try, where nobody else serves: at another instance if nothing of the request was sent, which even a write
   * may have; or of a request that is safe to repeat whose connection was closed without an answer, as servers do with
   * one that was idle (RFC 9112 section 9.3.1).
   */
  #canTryAgain(code: ProblemCode): boolean {
    const { response, head, method } = this.#plan;
    if (this.#triedAgain || this.#instance === undefined || !isConnectionLost(code)) return false;
    if (response.headersSent || response.destroyed || this.#interimAnswers > 0) return false;
    if (!this.#isSent) return hasAnother(this.#upstream, this.#instance);
    return code === 'upstream-closed' && !head.hasBody && SAFE.has(method);
  }

  #tryAgain(): void {
    const failed = this.#instance;
    this.#leave();
    this.#triedAgain = true;
    this.#upstream.secondTries++;
    this.start(this.#upstream, failed);
  }

  /** Tells the client what went wrong; if its answer has begun, by breaking it off where it can be seen. */
  #answer(code: ProblemCode): void {
    const { response, head, servedBy, additions } = this.#plan;
    if (response.headersSent) {
      cutOff(response);
      this.#end(response.statusCode, 'answer-cut');
      return;
    }
    const added = additions?.failed(this.#isSent) ?? NO_FIELDS;
    sendProblem(response, code, { upstream: this.#upstream.name, requestId: head.requestId, servedBy, added });
    this.#end(response.statusCode, code);
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#tap?.abort();
    const { response } = this.#plan;
    const controller = this.#controller;
    this.#end(response.headersSent ? response.statusCode : CLIENT_GONE_STATUS, 'client-gone');
    controller?.abort(CLIENT_GONE);
  }

  #end(status: number, failure: FailureCode | undefined): void {
    this.#over = true;
    this.#leave();
    this.#body?.destroy();
    this.#plan.ended({ status, upstream: this.#upstream, headAt: this.#headAt, failure });
  }

  #leave(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#controller = undefined;
    this.#isSent = false;
    const instance = this.#instance;
    if (instance === undefined) return;
    this.#instance = undefined;
    if (!this.#isJudged) instance.circuit.left();
    this.#isJudged = false;
    leave(this.#upstream, instance);
  }

  /** A good head is followed by another verdict if the answer breaks off. */
  #judge(isGood: boolean): void {
    this.#isJudged = true;
    if (isGood) this.#instance?.circuit.succeeded();
    else this.#instance?.circuit.failed();
  }

  #startDeadline(totalTimeoutMs: number): void {
    this.#deadline = setTimeout(() => {
      this.#isOverdue = true;
      // Without a controller it waits for a connection, which has a time-out of its own.
      this.#controller?.abort(OVERDUE);
    }, totalTimeoutMs).unref();
  }
}

function release(exchange: Exchange): void {
  exchange.release();
}

/** HTTP/1.0 knows the end of such a body by the end of the connection, so an orderly end would look complete. */
function cutOff(response: ServerResponse): void {
  if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy();
  else response.destroy();
}

/** RFC 9110 section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
