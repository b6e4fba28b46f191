import { leastBusy } from '../forward/admission.ts';
import type { Upstream } from '../forward/upstreams.ts';

/** What happens on the way of one call; exactly one of `end` and `failed` comes last. */
export interface CallEvents {
  head(status: number, rawHeaders: readonly string[]): void;
  data(chunk: Buffer): void;
  end(): void;
  failed(error: Error): void;
}

/** What is sent. */
export interface Call {
  readonly method: string;
  /** As the client wrote it. */
  readonly target: string;
  readonly headers: string[];
  /** How long whoever calls waits before it gives the call up. */
  readonly timeoutMs: number;
}

/** Sends one request without a body, once. @returns how to give it up; then no event follows. */
export function callCandidate(upstream: Upstream, call: Call, events: CallEvents): () => void {
  const { method, target, headers } = call;
  const asked = { method, target, headers, body: undefined, expectsContinue: false, onNewConnection: false };
  const handle = leastBusy(upstream).engine.send(asked, {
    sent() {},
    interim() {},
    head: (status, _reason, fields) => events.head(status, fields),
    data: (chunk) => events.data(chunk),
    ended: () => events.end(),
    paused() {},
    failed: (_code, cause) => events.failed(cause),
  });
  return () => handle.abort();
}
