import { randomBytes } from 'node:crypto';

/** Where a request stands in its trace. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** The caller's span, 16 hexadecimal digits; absent when the trace begins here. */
  readonly parentSpanId?: string;
}

// https://www.w3.org/TR/trace-context/#traceparent-header: a later version may append fields, ff is forbidden.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** Reads a `traceparent` header; a missing or malformed one begins a new trace, as the specification asks. */
export function readTraceContext(traceparent: string | undefined): TraceContext {
  const match = TRACEPARENT.exec(traceparent ?? '');
  const [, version, traceId, parentSpanId, rest] = match ?? [];
  if (traceId === undefined || parentSpanId === undefined || (version === '00' && rest !== undefined)) {
    return { traceId: randomBytes(16).toString('hex') };
  }
  return { traceId, parentSpanId };
}
