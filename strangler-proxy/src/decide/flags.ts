import type { Outcome } from './decide.ts';

/** Flags as the proxy needs them. No method throws or waits. */
export interface Flags {
  /** What a flag says to everyone; `never` for a flag that nobody knows. */
  outcome(flag: string): Outcome;
  /** The share that a flag gives, from 0 to 1; null if it cannot be told without knowing who asks. */
  share(flag: string): number | null;
  /** Evaluates a flag whose outcome is `ask`. @param stickyKey decides alone: the same key, the same answer. */
  isEnabled(flag: string, stickyKey: string): boolean;
  /** Tells the flag server that a flag was used without being evaluated, so that its usage shows there. */
  count(flag: string, enabled: boolean): void;
  /** Calls back after the flags have changed, until what it gives is called. */
  onChange(listener: () => void): () => void;
  status(): FlagStatus;
  close(): void;
}

/** How current the flags are. */
export interface FlagStatus {
  /** `fresh`: the server answered the last poll. `kept`: it did not, and what it said last holds. `none`: nothing known. */
  readonly state: 'fresh' | 'kept' | 'none';
  /** What the last failed poll said; undefined while polls succeed. */
  readonly error: string | undefined;
}

/** Flags that are all off: a proxy without a flag server. */
export const NO_FLAGS: Flags = {
  outcome: () => 'never',
  share: () => 0,
  isEnabled: () => false,
  count() {},
  onChange: () => () => {},
  status: () => ({ state: 'none', error: undefined }),
  close() {},
};
