import type { Migration } from 'strangler-migrations/define';
import type { Gates } from '../control/config.ts';
import type { Proxies } from '../control/proxies.ts';
import type { Side } from '../guard/index.ts';
import type { Databases } from './databases.ts';

/** The steps, in their order. Whatever fails before `flip` is undone, whatever fails after it goes on. */
export const STEPS = ['prepare', 'hold', 'fence', 'drain', 'check', 'flip', 'open', 'release'] as const;
export type Step = (typeof STEPS)[number];

/** One attempt at a change of owner, with all that its steps need. */
export interface Attempt {
  /** A new one each time: markers, holds and guard rows name it. */
  readonly id: string;
  readonly migration: Migration;
  readonly from: Side;
  readonly to: Side;
  /** Of the owner's row as it was before. */
  readonly epoch: number;
  readonly databases: Databases;
  readonly proxies: Proxies;
  readonly gates: Gates;
  /** `application_name` of those whose writes come through the proxy. */
  readonly applications: readonly string[];
  /** Only say what would be. */
  readonly dryRun: boolean;
  /** Checks that somebody takes the responsibility for, by name. */
  readonly forced: ReadonlySet<string>;
  /** Change data capture's verification: the newest, or one made now. */
  readonly verification: (isFresh: (ageMs: number) => boolean) => Promise<Verification>;
  /** Aborts when the request was withdrawn, or when another instance leads. */
  readonly signal: AbortSignal;
  /** Tells that a step begins. */
  readonly begin: (step: Step) => void;
  /** Tells what is in the way of a step that is tried again. */
  readonly trouble: (message: string) => void;
}

/** Another instance leads, or will: what is open is its to finish. */
export const LEADERSHIP_LOST = new Error('another instance of the control plane leads');

/** What the last verification of the rows found. */
export interface Verification {
  readonly verdict: 'equal' | 'different' | 'unsettled' | 'unknown';
  readonly ageMs: number;
  readonly rows: number;
  /** What there is to say: why it is unknown, or what is different. */
  readonly note: string | null;
}

/** Which way the old owner's last changes flow. */
export function directionOf({ from }: Pick<Attempt, 'from'>): 'forward' | 'reverse' {
  return from === 'monolith' ? 'forward' : 'reverse';
}

/** A step could not be done, and nobody is to blame but the circumstances: the attempt is undone. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly step: Step;
  readonly mend: string;

  constructor(step: Step, message: string, mend: string) {
    super(message);
    this.step = step;
    this.mend = mend;
  }
}

/** Ends the attempt if it was withdrawn. @throws {StepFailed} */
export function unlessWithdrawn({ signal }: Pick<Attempt, 'signal'>, step: Step): void {
  if (!signal.aborted) return;
  throw new StepFailed(step, String(signal.reason ?? 'it was withdrawn'), 'Ask again when it is wanted.');
}
