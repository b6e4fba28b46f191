import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { PROXY_NAME, type ProblemCode, problemAnswer, upstreamProblem } from '../errors.ts';
import type { FailureCode } from '../metrics.ts';
import type { ControlTap } from '../shadow/index.ts';
import { answerHead, rawStrings, withoutTrailerPromise } from './answer-head.ts';
import { BODY_MALFORMED, CLIENT_GONE, requestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { Upstream } from './upstreams.ts';

/** One request, and where it goes. */
export interface ExchangePlan {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly target: string;
  readonly head: RequestHead;
  readonly upstream: Upstream;
  /** Serves in its place if it fails before a byte of its answer was sent. Never given for a write. */
  readonly fallback: Upstream | undefined;
  /** Whether answers say which upstream served. */
  readonly servedBy: boolean;
  readonly setCookie: string | undefined;
  /** The client waits for 100 (Continue) before it sends its body. */
  readonly expectsContinue: boolean;
  fellBack(from: Upstream, code: ProblemCode): void;
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

/** The status that logs and metrics show for a client that left; never sent. */
const CLIENT_GONE_STATUS = 499;

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
  #underWay = false;
  #body: Readable | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #headAt: number | undefined;
  /** The first bytes of the body, held to the end of this turn of the event loop: a short answer is one write. */
  #held: Buffer | undefined;
  #holding = false;
  #over = false;
  #tap: ControlTap | undefined;

  constructor(plan: ExchangePlan) {
    this.#plan = plan;
    this.#upstream = plan.upstream;
    plan.response.on('close', () => this.#clientClosed());
  }

  start(upstream: Upstream): void {
    const { request, method, target, head } = this.#plan;
    this.#upstream = upstream;
    const refusal = admit(upstream);
    if (refusal !== undefined) {
      this.#failed(refusal);
      return;
    }
    upstream.inFlight++;
    this.#underWay = true;
    if (head.hasBody) this.#body = requestBody(request);
    const options: Dispatcher.DispatchOptions & { servername?: string } = {
      origin: upstream.origin,
      path: target,
      method,
      headers: head.headers,
      body: this.#body ?? null,
    };
    if (upstream.servername !== undefined) options.servername = upstream.servername;
    upstream.dispatcher.dispatch(options, this);
  }

  /** Lets `tap` see the answer pass by. It neither throws nor waits. */
  watch(tap: ControlTap): void {
    if (this.#over) tap.abort();
    else this.#tap = tap;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#over) {
      controller.abort(CLIENT_GONE);
      return;
    }
    this.#controller = controller;
    if (this.#plan.expectsContinue) this.#plan.response.writeContinue();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _parsed: unknown, reason?: string): void {
    const { response, request, servedBy, setCookie } = this.#plan;
    const raw = rawStrings(controller.rawHeaders);
    if (status < 200) {
      this.#informational(status, raw);
      return;
    }
    if (status > 999) throw new InvalidAnswer(`status ${status}`);
    this.#headAt = performance.now();
    this.#tap?.head(status, raw);
    const { headers, hasLength } = answerHead(raw, {
      servedBy: servedBy ? this.#upstream.name : undefined,
      setCookie,
    });
    const chunked = !hasLength && request.httpVersion === '1.1' && hasContent(request.method, status);
    // Express announces itself; what the upstream announces is the truth.
    if (response.hasHeader('X-Powered-By')) response.removeHeader('X-Powered-By');
    response.writeHead(status, phrase(reason), chunked ? headers : withoutTrailerPromise(headers));
    this.#holding = true;
    process.nextTick(release, this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
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

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return;
    this.#tap?.abort();
    this.#tap = undefined;
    if (error === CLIENT_GONE) this.#end(CLIENT_GONE_STATUS, 'client-gone');
    else if (error === BODY_MALFORMED) this.#answer('request-malformed');
    else if (error instanceof InvalidAnswer) this.#failed('upstream-invalid');
    else this.#failed(upstreamProblem(error));
  }

  /** Sends what was held: the head alone, if no body came with it, so that nobody waits for a slow first byte. */
  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    const { response } = this.#plan;
    if (this.#held === undefined) response.flushHeaders();
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
    if (request.httpVersion !== '1.1') return;
    if (status === 102) response.writeProcessing();
    if (status !== 103) return;
    const hints = pairs(raw).filter(([name]) => !/^(?:connection|keep-alive|transfer-encoding)$/i.test(name));
    const links = hints.filter(([name]) => name.toLowerCase() === 'link').map(([, value]) => value);
    if (links.length > 0) response.writeEarlyHints({ link: links });
  }

  /** The upstream failed, or we did. */
  #failed(code: ProblemCode): void {
    const { fallback, response, head, fellBack } = this.#plan;
    const failed = this.#upstream;
    const canFallBack = fallback !== undefined && fallback !== failed && !head.hasBody && !response.headersSent;
    if (!canFallBack || response.destroyed) {
      this.#answer(code);
      return;
    }
    this.#leave();
    fellBack(failed, code);
    this.#controller = undefined;
    this.#upstream = fallback;
    this.start(fallback);
  }

  /** Tells the client what went wrong; if its answer has begun, by breaking it off where it can be seen. */
  #answer(code: ProblemCode): void {
    const { response, head, servedBy } = this.#plan;
    if (response.headersSent) {
      cutOff(response);
      this.#end(response.statusCode, 'answer-cut');
      return;
    }
    sendProblem(response, code, { upstream: this.#upstream.name, requestId: head.requestId, servedBy });
    this.#end(response.statusCode, code);
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#tap?.abort();
    const { response } = this.#plan;
    this.#end(response.headersSent ? response.statusCode : CLIENT_GONE_STATUS, 'client-gone');
    this.#controller?.abort(CLIENT_GONE);
  }

  #end(status: number, failure: FailureCode | undefined): void {
    this.#over = true;
    this.#leave();
    this.#body?.destroy();
    this.#plan.ended({ status, upstream: this.#upstream, headAt: this.#headAt, failure });
  }

  #leave(): void {
    if (this.#underWay) this.#upstream.inFlight--;
    this.#underWay = false;
  }
}

/** Answers with a problem of ours. */
export function sendProblem(
  response: ServerResponse,
  code: ProblemCode,
  about: { readonly upstream?: string; readonly requestId?: string; readonly servedBy: boolean },
): void {
  const { status, headers, body } = problemAnswer(code, about.upstream, about.requestId);
  // What a client that framed its request wrongly sends next cannot be told from the rest of that request.
  if (status === 400 || status === 501) response.shouldKeepAlive = false;
  response.writeHead(status, about.servedBy ? [...headers, 'X-Served-By', PROXY_NAME] : [...headers]);
  response.end(body);
}

/** Whether one more request may go to this upstream. */
function admit(upstream: Upstream): ProblemCode | undefined {
  return upstream.inFlight < upstream.inFlightMax ? undefined : 'upstream-busy';
}

function release(exchange: Exchange): void {
  exchange.release();
}

/** HTTP/1.0 knows the end of such a body by the end of the connection, so an orderly end would look complete. */
function cutOff(response: ServerResponse): void {
  if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy();
  else response.destroy();
}

/** RFC 9110 section 6.4.1. */
function hasContent(method: string | undefined, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

/** A reason phrase that Node would refuse to send is left out (RFC 9112 section 4: clients ignore it). */
function phrase(reason: string | undefined): string {
  return reason !== undefined && /^[\t\x20-\x7e\x80-\xff]*$/.test(reason) ? reason : '';
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) list.push([raw[i] as string, raw[i + 1] as string]);
  return list;
}

/** An answer that undici's parser takes and HTTP does not. */
class InvalidAnswer extends Error {}
