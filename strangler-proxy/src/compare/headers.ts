import { type Answer, headerValues } from './answer.ts';
import { type Recorder, record } from './recorder.ts';
import { escapeInvisible, shorten } from './render.ts';
import type { CompiledRules } from './rules.ts';

/**
 * Headers that say nothing about the answer's content, and are never compared. Every other header is, so that a lost
 * one is found; where a difference is wanted, a rule `ignoreHeader` says so with its reason.
 *
 * - Hop-by-hop (RFC 9110 section 7.6.1): they belong to one connection, as do those that `Connection` names.
 * - Framing and coding: `content-length`, `transfer-encoding` and `content-encoding` say how the body travelled; the
 *   bodies are compared after decoding. The same goes for `accept-ranges`, which is an offer, not an answer.
 * - The clock: `date`, `age`.
 * - Who answered, and when: `server`, `x-powered-by`, `via`, `x-served-by`, `alt-svc`, `server-timing`,
 *   `x-response-time`, `x-runtime`, `proxy-status`.
 * - Names of this one exchange: `x-request-id`, `x-correlation-id`, `request-id`, `traceparent`, `tracestate`,
 *   `traceresponse`, `baggage`.
 */
export const uncomparedHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  'accept-ranges',
  'date',
  'age',
  'server',
  'x-powered-by',
  'via',
  'x-served-by',
  'alt-svc',
  'server-timing',
  'x-response-time',
  'x-runtime',
  'proxy-status',
  'x-request-id',
  'x-correlation-id',
  'request-id',
  'traceparent',
  'tracestate',
  'traceresponse',
  'baggage',
]);

/**
 * Headers whose presence is compared, and not their value: two implementations cannot agree on it, and a client may not
 * read it. An entity tag is opaque (RFC 9110 section 8.8.3); the dates follow the moment of the request.
 */
const presenceOnly: ReadonlySet<string> = new Set(['etag', 'last-modified', 'expires']);

/** Lists whose members have neither order nor case: `Cache-Control` (RFC 9111 section 5.2), `Vary`, `Allow`. */
const sets: ReadonlySet<string> = new Set(['cache-control', 'vary', 'allow']);

/** Records every header that differs; those that `ignored` names, as excused by their rule. */
export function findHeaderDifferences(
  control: Answer,
  candidate: Answer,
  ignored: CompiledRules['headers'],
  recorder: Recorder,
): void {
  const skipped = new Set([...connectionOptions(control), ...connectionOptions(candidate)]);
  const names = new Set([...headerNames(control), ...headerNames(candidate)]);
  for (const name of [...names].sort()) {
    if (uncomparedHeaders.has(name) || skipped.has(name)) {
      continue;
    }
    const left = headerValues(control.rawHeaders, name);
    const right = headerValues(candidate.rawHeaders, name);
    if (sameHeader(name, left, right)) {
      continue;
    }
    const excuse = ignored.get(name);
    const show = (values: readonly string[]) => shownHeader(name, values, recorder);
    if (right.length === 0) {
      record(recorder, { part: 'header', path: name, kind: 'missing', control: show(left), excuse });
    } else if (left.length === 0) {
      record(recorder, { part: 'header', path: name, kind: 'extra', candidate: show(right), excuse });
    } else {
      const values = { control: show(left), candidate: show(right) };
      record(recorder, { part: 'header', path: name, kind: 'value', ...values, excuse });
    }
  }
}

function headerNames({ rawHeaders }: Answer): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
}

function connectionOptions({ rawHeaders }: Answer): readonly string[] {
  return headerValues(rawHeaders, 'connection').flatMap(listOf);
}

function sameHeader(name: string, control: readonly string[], candidate: readonly string[]): boolean {
  if (control.length === 0 || candidate.length === 0) {
    return false;
  }
  if (presenceOnly.has(name)) {
    return true;
  }
  return normalised(name, control) === normalised(name, candidate);
}

function normalised(name: string, values: readonly string[]): string {
  if (name === 'set-cookie') {
    return values.map(cookieShape).sort().join('\n');
  }
  if (name === 'content-type') {
    return values.map(mediaType).join('\n');
  }
  if (sets.has(name)) {
    return values.flatMap(listOf).sort().join();
  }
  return values.map((value) => value.trim()).join('\n');
}

function listOf(value: string): readonly string[] {
  return value
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/** `text/html;charset=UTF-8` and `text/html; charset=utf-8` are one (RFC 9110 section 8.3.1). */
function mediaType(value: string): string {
  return value
    .split(';')
    .map((part) => part.trim().replaceAll('"', '').toLowerCase())
    .join(';');
}

/**
 * A cookie's name and attributes without its value and its date of expiry: each side hands out sessions of its own, but
 * a cookie that is lost, or has become readable by scripts, is a difference.
 */
function cookieShape(value: string): string {
  const [pair = '', ...attributes] = value.split(';').map((part) => part.trim());
  const kept = attributes.map((attribute) => attribute.toLowerCase()).filter((name) => !name.startsWith('expires='));
  return [pair.split('=')[0], ...kept.sort()].join('; ');
}

/** A header's values as a person reads them; a cookie's value is never among them. */
function shownHeader(name: string, values: readonly string[], { limits, redaction }: Recorder): string {
  const shown = values.map((value) => (name === 'set-cookie' ? withoutCookieValue(value) : value)).join(' | ');
  return shorten(escapeInvisible(redaction === undefined ? shown : redaction.text(shown)), limits.value);
}

function withoutCookieValue(value: string): string {
  return value.replace(/^([^=;]*)=[^;]*/, '$1=…');
}
