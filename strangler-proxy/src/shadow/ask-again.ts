import type { Answer } from '../compare/answer.ts';
import type { Upstream } from '../forward/upstreams.ts';
import { type Call, callCandidate } from './call-candidate.ts';
import { type Budget, keepAnswer } from './kept-answer.ts';

/** An answer that was asked for beside the request, and the time to its head in milliseconds. */
export interface AskedAgain {
  readonly answer: Answer;
  readonly milliseconds: number;
}

/** Bounds of one answer. */
export interface AskLimits {
  readonly budget: Budget;
  readonly answerBytes: number;
}

/**
 * Sends one more copy and waits for its whole answer.
 *
 * @returns undefined if there was none within bounds; whoever asks has no use for the reason
 */
export function askAgain(upstream: Upstream, call: Call, limits: AskLimits): Promise<AskedAgain | undefined> {
  const kept = keepAnswer(limits.budget, limits.answerBytes);
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const finish = (isWhole: boolean) => {
      clearTimeout(timer);
      const answer = isWhole ? kept.answer() : undefined;
      kept.release();
      resolve(answer === undefined ? undefined : { answer, milliseconds: kept.headAt! - startedAt });
    };
    const giveUp = callCandidate(upstream, call, {
      head: (status, rawHeaders) => kept.head(status, rawHeaders, performance.now()),
      data(chunk) {
        if (kept.data(chunk) !== undefined) {
          giveUp();
          finish(false);
        }
      },
      end: () => finish(true),
      failed: () => finish(false),
    });
    const timer = setTimeout(() => {
      giveUp();
      finish(false);
    }, call.timeoutMs).unref();
  });
}
