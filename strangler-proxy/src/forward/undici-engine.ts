import { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { upstreamProblem } from '../errors.ts';
import { invalid, UpstreamFault } from './answer-faults.ts';
import {
  ANSWER_HEAD_BYTES_MAX,
  type AnswerListener,
  type Call,
  type CallHandle,
  type Engine,
  type EngineLimits,
  INTERIM_ANSWERS_MAX,
} from './engine.ts';
import type { RequestBody } from './request-body.ts';
import { withoutTrailerPromise } from './trailers.ts';

/**
 * undici's dispatcher behind the port: for upstreams that speak TLS, and for whoever wants it. What it cannot do is in
 * docs/decisions/0001-how-bytes-travel.md.
 *
 * @param servername for TLS (SNI and the certificate), whatever the client's Host says
 */
export function createUndiciEngine(origin: string, servername: string | undefined, limits: EngineLimits): Engine {
  const pool = new Pool(origin, {
    connectTimeout: limits.connectTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    maxHeaderSize: ANSWER_HEAD_BYTES_MAX,
    // HTTP/2 would lose the reason phrase and the case of names, and has no upgrade.
    allowH2: false,
    pipelining: 1,
  });
  return {
    send(call, listener) {
      const { method, target, headers, body } = call;
      const handler = new UndiciCall(call, listener);
      const options: Dispatcher.DispatchOptions & { servername?: string } = {
        origin,
        path: target,
        method,
        // It sends no trailers of requests, so none are promised.
        headers: body === undefined ? [...headers] : withoutTrailerPromise(headers),
        body: body === undefined ? null : readable(body),
      };
      if (servername !== undefined) options.servername = servername;
      pool.dispatch(options, handler);
      return handler;
    },
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  };
}

const GIVEN_UP = new Error('the call was given up');

class UndiciCall implements Dispatcher.DispatchHandler, CallHandle {
  readonly #call: Call;
  readonly #listener: AnswerListener;
  #controller: Dispatcher.DispatchController | undefined;
  #interimAnswers = 0;
  #isOver = false;

  constructor(call: Call, listener: AnswerListener) {
    this.#call = call;
    this.#listener = listener;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) {
      controller.abort(GIVEN_UP);
      return;
    }
    this.#listener.sent();
    // undici does not send the expectation on, so nobody else will meet it.
    if (this.#call.expectsContinue) this.#listener.interim(100, []);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _parsed: unknown, reason?: string): void {
    if (this.#isOver) return;
    const fields = rawStrings(controller.rawHeaders);
    if (status < 100 || status > 999) throw invalid(`status ${status}`);
    if (status >= 200) {
      this.#listener.head(status, phrase(reason), fields);
      // It does not tell when it has no more for now, so the turn of the event loop has to.
      process.nextTick(paused, this);
    } else if (++this.#interimAnswers > INTERIM_ANSWERS_MAX) throw invalid('no end of interim answers');
    else this.#listener.interim(status, fields);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isOver) this.#listener.data(chunk, false);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return;
    this.#end();
    this.#listener.ended(controller.rawTrailers === undefined ? [] : rawStrings(controller.rawTrailers ?? []));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#isOver) return;
    this.#end();
    const code = error instanceof UpstreamFault ? error.problem : upstreamProblem(error);
    // A call may fail before `send` has returned.
    process.nextTick(() => this.#listener.failed(code, error));
  }

  pause(): void {
    if (!this.#isOver) this.#controller?.pause();
  }

  resume(): void {
    if (!this.#isOver) this.#controller?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#controller?.abort(GIVEN_UP);
  }

  paused(): void {
    if (!this.#isOver) this.#listener.paused();
  }

  #end(): void {
    this.#isOver = true;
    this.#call.body?.stop();
  }
}

function paused(call: UndiciCall): void {
  call.paused();
}

/**
 * The body as undici reads it. It is not the request itself, as undici destroys a body that it stops reading, and to
 * destroy the client's request is to destroy the client's connection.
 */
function readable(body: RequestBody): Readable {
  let isStarted = false;
  const stream = new Readable({
    read() {
      if (isStarted) body.resume();
      else {
        isStarted = true;
        body.start({ data: (chunk) => stream.push(chunk), end: () => void stream.push(null) });
      }
    },
    destroy(error, done) {
      body.stop();
      done(error);
    },
  });
  return stream.on('error', () => {});
}

/** Field bytes as Node's own parser gives them: one character per byte. */
function rawStrings(raw: unknown): string[] {
  return (raw as (Buffer | string)[]).map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}

/** undici decodes a reason phrase as UTF-8; one that is not plain is left out (RFC 9112 section 4: clients ignore it). */
function phrase(reason: string | undefined): string {
  return reason !== undefined && /^[\t\x20-\x7e]*$/.test(reason) ? reason : '';
}
