import type { Circuit } from '../circuit.ts';
import { compareAnswers } from '../compare/compare-answers.ts';
import type { Comparison } from '../compare/comparison.ts';
import type { Redaction } from '../compare/redact.ts';
import type { CompiledRules } from '../compare/rules.ts';
import type { Upstreams } from '../forward/upstreams.ts';
import { callCandidate } from './call-candidate.ts';
import type { ComparisonQueue } from './comparison-queue.ts';
import type { ControlTap } from './control-tap.ts';
import { type Budget, type KeptAnswer, keepAnswer } from './kept-answer.ts';
import type { Offer } from './samples.ts';
import { shadowHeaders } from './shadow-headers.ts';
import type { ShadowLimits } from './shadow-limits.ts';
import type { ShadowRequest } from './shadow-request.ts';
import type { RouteTally, SkipCause } from './tally.ts';

/** What one shadowed request works with; all of it is shared with the others. */
export interface PairContext {
  readonly upstreams: Pick<Upstreams, 'get'>;
  readonly limits: ShadowLimits;
  readonly budget: Budget;
  readonly circuit: Circuit;
  readonly queue: ComparisonQueue;
  readonly rules: CompiledRules;
  readonly tally: RouteTally;
  readonly redaction: Redaction;
  /** Told of every comparison that a person may want to look at. */
  offer(offer: Offer): void;
  /** The upstreams are done with it; its answers may still wait to be compared. */
  onLeave(pair: ShadowPair): void;
  onFault(error: unknown): void;
}

/** One request with its two answers, from the start of the shadow to the end of the comparison. */
export interface ShadowPair {
  readonly tap: ControlTap;
  /** Gives it up and counts why. */
  drop(cause: SkipCause): void;
}

/**
 * Asks the candidate, keeps both answers and has them compared.
 *
 * What the candidate does wrong (no answer, too late, too much) is an error of the comparison and lowers parity; what
 * keeps us from comparing (a bound of ours, the control, the client) is a skip and says nothing about parity.
 */
export function startPair(request: ShadowRequest, context: PairContext): ShadowPair {
  const { limits, budget, circuit, queue, tally } = context;
  const startedAt = performance.now();
  const control = keepAnswer(budget, limits.answerBytes);
  const candidate = keepAnswer(budget, limits.answerBytes);
  const ended = { control: false, candidate: false };
  let giveUp: (() => void) | undefined;
  let isOver = false;

  function leave(): void {
    isOver = true;
    clearTimeout(timer);
    giveUp?.();
    context.onLeave(pair);
  }

  function release(): void {
    control.release();
    candidate.release();
  }

  function drop(cause: SkipCause): void {
    if (isOver) {
      return;
    }
    if (!ended.candidate) {
      circuit.left();
    }
    leave();
    release();
    tally.skipped(cause);
  }

  function fail(error: string): void {
    if (isOver) {
      return;
    }
    leave();
    tally.compared('error');
    context.offer(offerOf({ ...failed, error }));
    release();
  }

  function offerOf(comparison: Comparison): Offer {
    const side = (kept: KeptAnswer, upstream: string) => ({
      upstream,
      answer: kept.answer(),
      milliseconds: kept.headAt === undefined ? undefined : kept.headAt - startedAt,
    });
    return {
      method: request.method,
      target: request.target,
      headers: request.headers,
      control: side(control, request.control),
      candidate: side(candidate, request.candidate),
      comparison,
    };
  }

  function compareWhenBoth(): void {
    if (!ended.control || !ended.candidate) {
      return;
    }
    if (queue.length >= limits.queue) {
      drop('queue');
      return;
    }
    leave();
    queue.add(() => {
      try {
        compare();
      } catch (error) {
        tally.skipped('internal');
        context.onFault(error);
      } finally {
        release();
      }
    });
  }

  function compare(): void {
    const [left, right] = [control.answer(), candidate.answer()];
    if (left === undefined || right === undefined) {
      tally.skipped('control_aborted');
      return;
    }
    const options = { limits: { decodedBytes: limits.decodedBytes }, redaction: context.redaction };
    const comparison = compareAnswers(left, right, context.rules, options);
    tally.compared(comparison.outcome);
    tally.latency('control', (control.headAt! - startedAt) / 1000);
    tally.latency('candidate', (candidate.headAt! - startedAt) / 1000);
    if (comparison.outcome === 'mismatch' || comparison.outcome === 'error') {
      context.offer(offerOf(comparison));
    }
  }

  function askCandidate(): void {
    const call = {
      method: request.method,
      target: request.target,
      headers: shadowHeaders(request.headers),
      timeoutMs: limits.timeMs,
    };
    giveUp = callCandidate(context.upstreams.get(request.candidate), call, {
      head(status, rawHeaders) {
        candidate.head(status, rawHeaders, performance.now());
      },
      data(chunk) {
        const stopped = candidate.data(chunk);
        if (stopped === 'too_large') {
          // It does answer; there is only more of it than we want.
          circuit.succeeded();
          fail(`the candidate's answer is larger than ${limits.answerBytes} bytes`);
        } else if (stopped === 'no_room') {
          drop('memory');
        }
      },
      end() {
        ended.candidate = true;
        circuit.succeeded();
        compareWhenBoth();
      },
      failed(error) {
        circuit.failed();
        fail(`the candidate did not answer: ${causeOf(error)}`);
      },
    });
  }

  /** A step that must not reach whoever serves the request: not by an exception, and not after the end. */
  function guarded<Values extends readonly unknown[]>(step: (...values: Values) => void): (...values: Values) => void {
    return (...values) => {
      if (isOver) {
        return;
      }
      try {
        step(...values);
      } catch (error) {
        drop('internal');
        context.onFault(error);
      }
    };
  }

  const tap: ControlTap = {
    head: guarded((status: number, rawHeaders: readonly string[]) => {
      control.head(status, rawHeaders, performance.now());
    }),
    data: guarded((chunk: Buffer) => {
      const stopped = control.data(chunk);
      if (stopped !== undefined) {
        drop(stopped === 'too_large' ? 'control_too_large' : 'memory');
      }
    }),
    end: guarded(() => {
      ended.control = true;
      compareWhenBoth();
    }),
    abort: guarded(() => {
      // After its end the answer is whole, whatever became of the client.
      if (!ended.control) {
        drop('control_aborted');
      }
    }),
  };
  const timer = setTimeout(() => {
    if (ended.candidate) {
      drop('control_slow');
    } else {
      circuit.failed();
      fail(`the candidate took longer than ${limits.timeMs} ms`);
    }
  }, limits.timeMs).unref();
  // In a turn of its own: the control's request is written first.
  setImmediate(guarded(askCandidate));
  const pair: ShadowPair = { tap, drop };
  return pair;
}

const failed: Comparison = {
  outcome: 'error',
  differences: [],
  differenceCount: 0,
  ignored: [],
  ignoredCount: 0,
};

function causeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message;
}
