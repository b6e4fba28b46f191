import type { Answer } from '../compare/answer.ts';

/** Bytes that all shadow requests together hold in memory. */
export interface Budget {
  readonly bytesMax: number;
  bytes: number;
}

/** An answer as it comes in, within bounds. */
export interface KeptAnswer {
  /** Milliseconds (monotonic) at which the head came; undefined until then. */
  readonly headAt: number | undefined;
  head(status: number, rawHeaders: readonly string[], now: number): void;
  /** @returns what stopped it from being kept; nothing is kept from then on. */
  data(chunk: Buffer): 'too_large' | 'no_room' | undefined;
  /** The answer so far; undefined before its head. */
  answer(): Answer | undefined;
  /** Gives its bytes back to the budget. */
  release(): void;
}

/** Keeps one answer of up to `bytesMax` bytes. */
export function keepAnswer(budget: Budget, bytesMax: number): KeptAnswer {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let start: { readonly status: number; readonly rawHeaders: readonly string[]; readonly at: number } | undefined;
  return {
    get headAt() {
      return start?.at;
    },
    head(status, rawHeaders, at) {
      start = { status, rawHeaders, at };
    },
    data(chunk) {
      if (bytes + chunk.length > bytesMax) {
        return 'too_large';
      }
      if (budget.bytes + chunk.length > budget.bytesMax) {
        return 'no_room';
      }
      // A copy: the chunk is a window into a socket's buffer, which would be held whole for a few bytes of it.
      chunks.push(Buffer.from(chunk));
      bytes += chunk.length;
      budget.bytes += chunk.length;
      return undefined;
    },
    answer() {
      if (start === undefined) {
        return undefined;
      }
      return { status: start.status, rawHeaders: start.rawHeaders, body: Buffer.concat(chunks), truncated: false };
    },
    release() {
      budget.bytes -= bytes;
      bytes = 0;
      chunks = [];
    },
  };
}
