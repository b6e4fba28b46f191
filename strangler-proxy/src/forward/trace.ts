import { randomFillSync } from 'node:crypto';

/** `version-traceid-parentid-flags` (W3C Trace Context section 3.2); later versions may append to it. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
/** What may stand in a log line and in a header. */
const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/;

/** Whether a client's trace goes on. If not, a new one begins, and its `tracestate` is dropped with it (section 3.3.1). */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && TRACEPARENT.test(value);
}

/** Whether a client's own request id is taken over. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && REQUEST_ID.test(value);
}

/** Begins a trace. Flag 01 (sampled), so that services which follow their caller go on recording as they did before. */
export function newTraceparent(): string {
  const random = randomHex(24);
  return `00-${random.slice(0, 32)}-${random.slice(32)}-01`;
}

/** The trace id within a `traceparent`. */
export function traceId(traceparent: string): string {
  return traceparent.slice(3, 35);
}

// Asking the system for a few bytes costs more than using them: they are fetched in bulk.
const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

/** So many random bytes, as hexadecimal digits. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
