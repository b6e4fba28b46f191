import { CONNECTION_FIELDS } from '../forward/connection-fields.ts';
import { randomHex } from '../forward/trace.ts';

/** Says to the candidate that nobody waits for its answer, and that nothing must come of the request. */
export const shadowHeader = 'X-Shadow-Request';

/**
 * Fields that do not belong on a copy: those of one connection, those that announce a body, as
 * a shadow has none, and those that are set anew.
 */
const dropped = new Set([
  ...CONNECTION_FIELDS,
  'trailer',
  'http2-settings',
  'expect',
  'content-length',
  'traceparent',
  shadowHeader.toLowerCase(),
]);

/**
 * The headers of a shadow request: what the control got, marked, in a child span of the same trace.
 *
 * Conditional headers stay (`If-None-Match`, `If-Modified-Since`, `Range`): both legs are asked the same question, so
 * their answers can be compared. Where the two sides make entity tags of their own, a client that revalidates gets a 304
 * from one and a 200 from the other; that is a difference which clients see, and it counts.
 */
export function shadowHeaders(sent: readonly string[], traceparent?: string): string[] {
  const headers: string[] = [];
  let parent: string | undefined;
  for (let index = 0; index + 1 < sent.length; index += 2) {
    const name = sent[index]!.toLowerCase();
    if (name === 'traceparent') {
      parent ??= sent[index + 1]!;
    } else if (!dropped.has(name)) {
      headers.push(sent[index]!, sent[index + 1]!);
    }
  }
  headers.push('traceparent', traceparent ?? childSpan(parent), shadowHeader, 'true');
  return headers;
}

const traceparent = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** A new span below the one given (W3C Trace Context, section 3.2); a new trace where that is missing or malformed. */
export function childSpan(parent: string | undefined): string {
  const [, trace = randomHex(16), flags = '00'] = traceparent.exec(parent ?? '') ?? [];
  return `00-${trace}-${randomHex(8)}-${flags}`;
}
