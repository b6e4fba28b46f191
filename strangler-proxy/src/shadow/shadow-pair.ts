import type { Circuit } from '../circuit.ts';
import type { Answer } from '../compare/answer.ts';
import { compareAnswers } from '../compare/compare-answers.ts';
import type { Comparison, Outcome } from '../compare/comparison.ts';
import type { Redaction } from '../compare/redact.ts';
import type { CompiledRules } from '../compare/rules.ts';
import { type Fields, NO_FIELDS } from '../forward/head-additions.ts';
import { fieldsFor } from '../forward/own-cookies.ts';
import { MONOLITH, type Upstreams } from '../forward/upstreams.ts';
import type { Said } from '../identity/index.ts';
import type { ShadowSpan } from '../tracing/tracing.ts';
import { type AskedAgain, askAgain } from './ask-again.ts';
import { callCandidate } from './call-candidate.ts';
import type { ComparisonQueue } from './comparison-queue.ts';
import type { ControlTap } from './control-tap.ts';
import { type Budget, keepAnswer } from './kept-answer.ts';
import type { Noise } from './noise.ts';
import { type CatchUp, type Rechecked, recheck } from './recheck.ts';
import type { Offer } from './samples.ts';
import { shadowHeaders } from './shadow-headers.ts';
import type { ShadowLimits } from './shadow-limits.ts';
import type { Role, ShadowRequest } from './shadow-request.ts';
import type { RouteTally, SkipCause } from './tally.ts';

/** What one shadowed request works with; all of it is shared with the others. */
export interface PairContext {
  readonly upstreams: Pick<Upstreams, 'get'>;
  readonly limits: ShadowLimits;
  readonly budget: Budget;
  readonly circuit: Circuit;
  readonly queue: ComparisonQueue;
  readonly rules: CompiledRules;
  readonly noise: Noise;
  readonly tally: RouteTally;
  readonly redaction: Redaction;
  /** Undefined where nobody knows the stores: then every mismatch counts as one. */
  readonly catchUp: CatchUp | undefined;
  /** Takes one of the places for controls that are asked twice; what it gives gives it back. Undefined: there is none. */
  enterSecondAsk(): (() => void) | undefined;
  /** Tells that a mismatch is looked at once more, until what it gives is called. */
  enterRecheck(): () => void;
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
 * Sends the copy, keeps both answers and has them compared.
 *
 * The copy is sent when the client has its answer: until then nothing of it stands in front of anybody, neither here nor
 * at an upstream that both share. An answer that breaks off is not copied at all.
 *
 * What the candidate does wrong (no answer, too late, too much) is an error of the comparison and lowers parity; what
 * keeps us from comparing (a bound of ours, the control, the client) is a skip and says nothing about parity.
 */
export function startPair(request: ShadowRequest, context: PairContext): ShadowPair {
  const { limits, budget, circuit, queue, noise, tally } = context;
  const { served } = request;
  const copied: Role = served === 'control' ? 'candidate' : 'control';
  let span: ShadowSpan | undefined;
  const startedAt = { control: performance.now(), candidate: performance.now() };
  const asking = { budget, answerBytes: limits.answerBytes };
  const kept = { control: keepAnswer(budget, limits.answerBytes), candidate: keepAnswer(budget, limits.answerBytes) };
  const ended = { control: false, candidate: false };
  /** The control's answer to the same request once more; undefined if it is not asked twice. */
  let secondAsk: Promise<AskedAgain | undefined> | undefined;
  let giveUp: (() => void) | undefined;
  let identity: Fields = NO_FIELDS;
  let isOver = false;

  function leave(): void {
    span?.end();
    isOver = true;
    clearTimeout(timer);
    giveUp?.();
    context.onLeave(pair);
  }

  function release(): void {
    kept.control.release();
    kept.candidate.release();
  }

  function drop(cause: SkipCause): void {
    if (isOver) {
      return;
    }
    if (!ended[copied]) {
      circuit.left();
    }
    leave();
    release();
    tally.skipped(cause);
  }

  /** The copy came to nothing. Of the candidate that is a finding; of the control it says nothing about the candidate. */
  function fail(error: string): void {
    if (isOver) {
      return;
    }
    leave();
    if (copied === 'control') {
      tally.skipped('control_failed');
    } else {
      tally.compared('error');
      context.offer(offerOf({ ...failed, error: `the candidate ${error}` }));
    }
    release();
  }

  function offerOf(comparison: Comparison): Offer {
    const side = (role: Role) => {
      const { headAt } = kept[role];
      return {
        upstream: request[role],
        answer: kept[role].answer(),
        milliseconds: headAt === undefined ? undefined : headAt - startedAt[role],
      };
    };
    return { ...aboutRequest(request), control: side('control'), candidate: side('candidate'), comparison };
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
    const [control, candidate] = [kept.control.answer(), kept.candidate.answer()];
    if (control === undefined || candidate === undefined) {
      tally.skipped('served_aborted');
      return;
    }
    tally.latency('control', (kept.control.headAt! - startedAt.control) / 1000);
    tally.latency('candidate', (kept.candidate.headAt! - startedAt.candidate) / 1000);
    const options = { limits: { decodedBytes: limits.decodedBytes }, redaction: context.redaction };
    if (secondAsk !== undefined) {
      void secondAsk.then((again) => {
        if (again !== undefined) {
          noise.learn(compareAnswers(control, again.answer, context.rules, options));
        }
      });
    }
    const comparison = compareAnswers(control, candidate, noise.rules(context.rules), options);
    noise.saw(comparison);
    const { catchUp } = context;
    if (comparison.outcome !== 'mismatch' || catchUp === undefined) {
      settle(comparison, offerOf);
      return;
    }
    const leaveRecheck = context.enterRecheck();
    const byNow = (one: Answer, other: Answer) => compareAnswers(one, other, noise.rules(context.rules), options);
    const offer = offerOf(comparison);
    recheck({
      capability: request.migration.capability,
      catchUp,
      timeoutMs: limits.catchUpMs,
      ask: (role) => askAgain(context.upstreams.get(request[role]), callOf(role), asking),
      compare: (one, other) => byNow(one.answer, other.answer),
    })
      .then((rechecked) => settleRechecked(rechecked, offer, () => byNow(control, candidate).outcome))
      .catch((error: unknown) => {
        tally.skipped('internal');
        context.onFault(error);
      })
      .finally(leaveRecheck);
  }

  /** @param firstByNow what the first answers come to by what is known of the noise now */
  function settleRechecked(rechecked: Rechecked, first: Offer, firstByNow: () => Outcome): void {
    switch (rechecked.verdict) {
      case 'stale': {
        const outcome = firstByNow();
        tally.compared(outcome === 'mismatch' ? 'stale' : outcome);
        return;
      }
      case 'unsettled':
        tally.skipped('unsettled');
        return;
      case 'mismatch': {
        const { comparison, control, candidate } = rechecked;
        settle(comparison, () => ({
          ...first,
          comparison,
          control: { upstream: request.control, ...control },
          candidate: { upstream: request.candidate, ...candidate },
        }));
      }
    }
  }

  function settle(comparison: Comparison, offer: (comparison: Comparison) => Offer): void {
    tally.compared(comparison.outcome);
    if (comparison.outcome === 'mismatch' || comparison.outcome === 'error') {
      context.offer(offer(comparison));
    }
  }

  function callOf(role: Role) {
    const marked = shadowHeaders(request.headers, span?.traceparent);
    const upstream = context.upstreams.get(request[role]);
    const headers = upstream.name === MONOLITH ? marked : fieldsFor(upstream, marked, identity);
    return {
      method: request.method,
      target: request.target,
      headers,
      timeoutMs: limits.timeMs,
    };
  }

  function sendCopies(): void {
    startedAt[copied] = performance.now();
    span = request.span?.();
    timer.refresh();
    giveUp = callCandidate(context.upstreams.get(request[copied]), callOf(copied), {
      head(status, rawHeaders) {
        kept[copied].head(status, rawHeaders, performance.now());
      },
      data(chunk) {
        const stopped = kept[copied].data(chunk);
        if (stopped === 'too_large') {
          // It does answer; there is only more of it than we want.
          circuit.succeeded();
          fail(`answers with more than ${limits.answerBytes} bytes`);
        } else if (stopped === 'no_room') {
          drop('memory');
        }
      },
      end() {
        ended[copied] = true;
        circuit.succeeded();
        compareWhenBoth();
      },
      failed(error) {
        circuit.failed();
        fail(`did not answer: ${causeOf(error)}`);
      },
    });
    if (!isOver && noise.wantsSecondAsk(Math.random())) {
      askControlTwice();
    }
  }

  function askControlTwice(): void {
    const leaveAsk = context.enterSecondAsk();
    if (leaveAsk !== undefined) {
      secondAsk = askAgain(context.upstreams.get(request.control), callOf('control'), asking).finally(leaveAsk);
    }
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
      kept[served].head(status, rawHeaders, performance.now());
    }),
    data: guarded((chunk: Buffer) => {
      const stopped = kept[served].data(chunk);
      if (stopped !== undefined) {
        drop(stopped === 'too_large' ? 'served_too_large' : 'memory');
      }
    }),
    end: guarded(() => {
      ended[served] = true;
      // In a turn of its own: what the client waits for is written first.
      setImmediate(begin);
    }),
    abort: guarded(() => {
      // After its end the answer is whole, whatever became of the client.
      if (!ended[served]) {
        drop('served_aborted');
      }
    }),
  };
  const timer = setTimeout(() => {
    if (!ended[served]) {
      drop('served_slow');
    } else {
      circuit.failed();
      fail(`took longer than ${limits.timeMs} ms`);
    }
  }, limits.timeMs).unref();
  const copyAs = guarded((said: Said) => {
    if (said === undefined) {
      drop('identity_unknown');
      return;
    }
    identity = said;
    sendCopies();
  });
  const begin = () => {
    const { identity: asked = NO_FIELDS } = request;
    if (asked instanceof Promise) void asked.then(copyAs);
    else copyAs(asked);
  };
  const pair: ShadowPair = { tap, drop };
  return pair;
}

function aboutRequest({ method, target, headers }: ShadowRequest): Pick<Offer, 'method' | 'target' | 'headers'> {
  return { method, target, headers };
}

const failed: Omit<Comparison, 'error'> = {
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
