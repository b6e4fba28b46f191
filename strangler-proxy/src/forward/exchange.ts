import type { IncomingMessage, ServerResponse } from 'node:http';
import { isConnectionLost, isUpstreamsFault, type ProblemCode } from '../errors.ts';
import type { FailureCode, FallbackCause } from '../metrics.ts';
import type { ControlTap } from '../shadow/index.ts';
import { admit, hasAnother, leave } from './admission.ts';
import { isOutOfService } from './answer-faults.ts';
import { answerHead, hasContent, pairs } from './answer-head.ts';
import type { AnswerListener, CallHandle } from './engine.ts';
import { type Fields, type HeadAdditions, NO_FIELDS } from './head-additions.ts';
import type { Instance } from './instances.ts';
import { fieldsFor } from './own-cookies.ts';
import { MALFORMED, RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import { sendProblem } from './send-problem.ts';
import { passableTrailers } from './trailers.ts';
import { MONOLITH, type Upstream } from './upstreams.ts';

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
  /** Says to a service who is asking; the monolith knows by itself. */
  readonly identity: Fields;
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

/** Bodies up to this size go out in one write with their head: two pieces are twice the system time. */
const ONE_WRITE_BYTES_MAX = 4 * 1024;

/** What an answer may send while its head is held back; what is more waits at the upstream. */
const HELD_BACK_BYTES_MAX = 64 * 1024;

/** The status that logs and metrics show for a client that left; never sent. */
export const CLIENT_GONE_STATUS = 499;

/** Sends a request to its upstream and the answer to the client, both as they come. */
export function forward(plan: ExchangePlan): Exchange {
  const exchange = new Exchange(plan);
  exchange.start(plan.upstream);
  return exchange;
}

/** One request under way. The methods are in the order in which they are called. */
export class Exchange implements AnswerListener {
  readonly #plan: ExchangePlan;
  #upstream: Upstream;
  /** Undefined while no upstream has anything to do for this request. */
  #instance: Instance | undefined;
  #call: CallHandle | undefined;
  #isSent = false;
  /** Whether the instance's circuit was told how it went. */
  #isJudged = false;
  #triedAgain = false;
  /** Whether anything of an answer has come. */
  #isAnswered = false;
  #mayContinue = false;
  #deadline: NodeJS.Timeout | undefined;
  readonly #body: RequestBody | undefined;
  #headAt: number | undefined;
  /** What will be sent as the head; undefined before it is known and once it was sent. */
  #head: { readonly status: number; readonly reason: string; readonly headers: string[] } | undefined;
  /**
   * The first bytes of the body; if they are few, as a string, which goes out in one write with the head. Both are held
   * until there is no more for now: a short answer is one write, and one that turns out to be malformed in its first
   * bytes can still be refused.
   */
  #held: string | Buffer | undefined;
  /** What the upstream did since its head was held back, to be done when that is sent. */
  #heldBack: (() => void)[] | undefined;
  #heldBackBytes = 0;
  #over = false;
  #tap: ControlTap | undefined;

  constructor(plan: ExchangePlan) {
    const { request, response, head } = plan;
    this.#plan = plan;
    this.#upstream = plan.upstream;
    this.#body = head.hasBody ? new RequestBody(request) : undefined;
    if (head.hasBody) request.on(MALFORMED, () => this.#bodyMalformed());
    response.on('close', () => this.#clientClosed());
  }

  start(upstream: Upstream, besides?: Instance): void {
    const { method, target, head, identity, expectsContinue } = this.#plan;
    this.#upstream = upstream;
    const admitted = admit(upstream, this.#canFallBack(), besides);
    if (typeof admitted === 'string') {
      this.#failed(admitted);
      return;
    }
    this.#instance = admitted;
    if (upstream.totalTimeoutMs > 0) this.#startDeadline(upstream.totalTimeoutMs);
    this.#call = admitted.engine.send(
      {
        method,
        target,
        headers: upstream.name === MONOLITH ? head.headers : fieldsFor(upstream, head.headers, identity),
        body: this.#body,
        expectsContinue: expectsContinue && head.hasBody,
        onNewConnection: this.#triedAgain,
      },
      this,
    );
  }

  /** Lets `tap` see the answer of the chosen upstream pass by, and of no other. It neither throws nor waits. */
  watch(tap: ControlTap): void {
    if (this.#over || this.#upstream !== this.#plan.upstream) tap.abort();
    else this.#tap = tap;
  }

  sent(): void {
    this.#isSent = true;
  }

  /** RFC 9110 section 15.2: passed on, as far as Node has a way to send them; HTTP/1.0 does not know them. */
  interim(status: number, fields: readonly string[]): void {
    const { response, request, expectsContinue } = this.#plan;
    // One that an engine makes up for itself says nothing of the upstream.
    if (status !== 100) this.#isAnswered = true;
    if (request.httpVersion !== '1.1') return;
    if (status === 100 && expectsContinue && !this.#mayContinue) {
      this.#mayContinue = true;
      response.writeContinue();
    }
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints = pairs(fields).filter(([name]) => !/^(?:connection|keep-alive|transfer-encoding)$/i.test(name));
    const links = hints.filter(([name]) => name.toLowerCase() === 'link').map(([, value]) => value);
    if (links.length > 0) response.writeEarlyHints({ link: links });
  }

  head(status: number, reason: string, fields: Fields): void {
    if (status >= 500 && this.#canFallBack()) {
      this.#call?.abort();
      this.#dropTap();
      this.#wrong(status);
      return;
    }
    this.#judge(!isOutOfService(status));
    this.#headAt = performance.now();
    this.#tap?.head(status, fields);
    const added = this.#plan.additions?.answered() ?? NO_FIELDS;
    if (added instanceof Promise) this.#holdBack(status, reason, fields, added);
    else this.#holdHead(status, reason, fields, added);
  }

  data(chunk: Buffer, isLent: boolean): void {
    if (this.#heldBack !== undefined) {
      const copy = isLent ? Buffer.from(chunk) : chunk;
      this.#heldBack.push(() => this.data(copy, false));
      this.#heldBackBytes += chunk.length;
      if (this.#heldBackBytes > HELD_BACK_BYTES_MAX) this.#call?.pause();
      return;
    }
    this.#tap?.data(chunk);
    if (this.#head !== undefined && this.#held === undefined) {
      if (chunk.length <= ONE_WRITE_BYTES_MAX) this.#held = chunk.toString('latin1');
      else this.#held = isLent ? Buffer.from(chunk) : chunk;
      return;
    }
    this.paused();
    this.#write(isLent ? Buffer.from(chunk) : chunk);
  }

  /** What was held is sent: the head alone, if no body came with it, so that nobody waits for a slow first byte. */
  paused(): void {
    if (this.#head === undefined) return;
    this.#writeHead();
    // `flushHeaders` would write the fields as UTF-8, and they are bytes.
    this.#write(this.#held ?? '');
    this.#held = undefined;
  }

  ended(trailers: readonly string[]): void {
    const { response } = this.#plan;
    if (this.#over) return;
    if (this.#heldBack !== undefined) {
      this.#heldBack.push(() => this.ended(trailers));
      return;
    }
    this.#tap?.end();
    this.#writeHead();
    if (trailers.length > 0 && response.chunkedEncoding) {
      response.addTrailers(pairs(passableTrailers(trailers, undefined)));
    }
    const last = this.#held;
    this.#held = undefined;
    if (last === undefined) response.end();
    else response.end(last, 'latin1');
    this.#end(response.statusCode, undefined);
  }

  failed(code: ProblemCode): void {
    if (this.#over) return;
    if (this.#heldBack !== undefined) {
      this.#heldBack.push(() => this.failed(code));
      return;
    }
    this.#dropTap();
    this.#head = undefined;
    this.#held = undefined;
    this.#failed(code);
  }

  /** Until it is known what is added to the head, what follows waits. */
  #holdBack(status: number, reason: string, fields: Fields, added: Promise<Fields>): void {
    const heldBack: (() => void)[] = [];
    this.#heldBack = heldBack;
    void added.then((more) => {
      this.#heldBack = undefined;
      if (this.#over) return;
      this.#holdHead(status, reason, fields, more);
      for (const step of heldBack) step();
      this.paused();
      // A client that does not take what was held is waited for by `#write`.
      if (this.#heldBackBytes > HELD_BACK_BYTES_MAX && !this.#plan.response.writableNeedDrain) this.#call?.resume();
    });
  }

  #holdHead(status: number, reason: string, fields: Fields, added: Fields): void {
    const { request, servedBy, setCookie } = this.#plan;
    const mayBeChunked = request.httpVersion === '1.1' && hasContent(request.method, status);
    const headers = answerHead(fields, mayBeChunked, {
      servedBy: servedBy ? this.#upstream.name : undefined,
      setCookie,
      added,
      cookiesOf: this.#upstream.ownCookies ? this.#upstream.name : undefined,
    });
    this.#head = { status, reason, headers };
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    const { response } = this.#plan;
    const { status, reason, headers } = this.#head;
    this.#head = undefined;
    // Express announces itself; what the upstream announces is the truth.
    if (response.hasHeader('X-Powered-By')) response.removeHeader('X-Powered-By');
    this.#closeUnlessContinued();
    response.writeHead(status, reason, headers);
  }

  #write(chunk: string | Buffer): void {
    const { response } = this.#plan;
    if (response.write(chunk, 'latin1')) return;
    const call = this.#call;
    call?.pause();
    response.once('drain', () => call?.resume());
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
    if (response.headersSent || response.destroyed || this.#isAnswered) return false;
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
    this.#closeUnlessContinued();
    const added = additions?.failed(this.#isSent) ?? NO_FIELDS;
    sendProblem(response, code, { upstream: this.#upstream.name, requestId: head.requestId, servedBy, added });
    this.#end(response.statusCode, code);
  }

  /** Who was not told to go on may send its body all the same, or not: what comes next cannot be told (RFC 9110 section 10.1.1). */
  #closeUnlessContinued(): void {
    const { expectsContinue, response, request } = this.#plan;
    if (expectsContinue && !this.#mayContinue && !request.complete) response.shouldKeepAlive = false;
  }

  #bodyMalformed(): void {
    if (this.#over) return;
    this.#dropTap();
    this.#call?.abort();
    this.#answer('request-malformed');
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#dropTap();
    this.#call?.abort();
    const { response } = this.#plan;
    this.#end(response.headersSent ? response.statusCode : CLIENT_GONE_STATUS, 'client-gone');
  }

  #dropTap(): void {
    this.#tap?.abort();
    this.#tap = undefined;
  }

  #end(status: number, failure: FailureCode | undefined): void {
    this.#over = true;
    this.#leave();
    if (this.#body !== undefined) {
      // From here on nobody answers for a malformed body.
      this.#plan.request.removeAllListeners(MALFORMED);
      this.#body.drop();
    }
    this.#plan.ended({ status, upstream: this.#upstream, headAt: this.#headAt, failure });
  }

  #leave(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#call = undefined;
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
      this.#call?.abort();
      this.failed('upstream-total-timeout');
    }, totalTimeoutMs).unref();
  }
}

/**
 * What was written still arrives, and then the connection ends before the answer does. HTTP/1.0 knows the end of such a
 * body by the end of the connection, so an orderly end would look complete.
 */
function cutOff(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy();
  else response.socket?.destroySoon();
}

/** RFC 9110 section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
