import type { Migration } from 'strangler-migrations/define';
import type { Answer } from '../compare/answer.ts';
import { compareAnswers } from '../compare/compare-answers.ts';
import type { Comparison, Outcome } from '../compare/comparison.ts';
import { defaultRedaction, type Redaction } from '../compare/redact.ts';
import { type CompiledRules, compileRules } from '../compare/rules.ts';
import { CONNECTION_FIELDS } from '../forward/connection-fields.ts';
import { compileRoutes, declaredRoutes } from '../match/route-table.ts';
import { asRecorded, type RecordedExchange } from '../recording/har.ts';
import { placesOf, type Sample, toSample } from '../shadow/samples.ts';
import { type Parity, parityOf } from '../shadow/tally.ts';
import { type AskedSide, askSide, notAnswered, openSide } from '../sides/ask-side.ts';

/** What {@link replay} takes. */
export interface ReplayOptions {
  readonly exchanges: readonly RecordedExchange[];
  readonly migrations: readonly Migration[];
  readonly candidate: string;
  /** Asked beside the candidate; without it the recorded answers are what is right. */
  readonly control: string | undefined;
  /** Sent with every request, instead of what was recorded: a session, say, which recordings hide. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly redaction?: Redaction;
  /** Called after each. */
  readonly progress?: (done: number, all: number) => void;
}

/** One request of a recording, and what became of it. */
export interface ReplayedRequest {
  readonly method: string;
  readonly target: string;
  /** `catalog.product`, or `undeclared`. */
  readonly route: string;
  /** Null if it was not sent. */
  readonly comparison: Comparison | null;
  /** Why it was not sent. */
  readonly skipped?: 'unsafe_method' | 'no_recorded_answer';
  /** What differs, laid out for a person; absent if nothing does. */
  readonly sample?: Sample;
}

/** What a replay found. */
export interface ReplayReport {
  readonly control: string;
  readonly candidate: string;
  readonly requests: readonly ReplayedRequest[];
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly skipped: number;
  readonly parity: Parity;
  /** Places that differ, the most frequent first. */
  readonly groups: readonly { readonly route: string; readonly places: readonly string[]; readonly count: number }[];
  readonly seconds: number;
}

/** Headers that belong to the recorded connection, or that the client would not send to this upstream. */
const NOT_SENT: ReadonlySet<string> = new Set([...CONNECTION_FIELDS, 'host', 'trailer', 'content-length', 'expect']);

const REDACTED = '[redacted]';

/** Sends every recorded request once, a few at a time, and compares the answers by the rules of their routes. */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const began = performance.now();
  const redaction = options.redaction ?? defaultRedaction;
  const candidate = openSide('candidate', options.candidate);
  const control = options.control === undefined ? undefined : openSide('control', options.control);
  const routeOf = routeFinder(options.migrations);
  const requests: ReplayedRequest[] = [];
  let done = 0;

  async function one(exchange: RecordedExchange): Promise<ReplayedRequest> {
    const { method, target } = exchange;
    const { name: route, rules } = routeOf(method, target);
    const about = { method, target, route };
    if (method !== 'GET' && method !== 'HEAD') return { ...about, comparison: null, skipped: 'unsafe_method' };
    if (control === undefined && exchange.answer === undefined) {
      return { ...about, comparison: null, skipped: 'no_recorded_answer' };
    }
    const headers = sentHeaders(exchange, options.headers);
    const request = { method, target, headers };
    const [left, right] = await Promise.all([
      control === undefined
        ? { answer: exchange.answer!, milliseconds: undefined }
        : askSide(control, request, options.timeoutMs),
      askSide(candidate, request, options.timeoutMs),
    ]);
    const comparison = compareAsked(left, right, rules, control === undefined ? redaction : undefined);
    const sample =
      comparison.outcome === 'mismatch' || comparison.outcome === 'error'
        ? toSample(
            {
              ...{ method, target, comparison, headers: rawHeaders(headers) },
              control: { upstream: options.control ?? 'recorded', ...answered(left) },
              candidate: { upstream: options.candidate, ...answered(right) },
            },
            rules,
            redaction,
            new Date().toISOString(),
          )
        : undefined;
    return { ...about, comparison, ...(sample === undefined ? {} : { sample }) };
  }

  const left = options.exchanges.entries();
  const worker = async () => {
    for (const [index, exchange] of left) {
      requests[index] = await one(exchange);
      options.progress?.(++done, options.exchanges.length);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  return summarise(requests, options, (performance.now() - began) / 1000);
}

function compareAsked(
  left: AskedSide,
  right: AskedSide,
  rules: CompiledRules,
  recordedWith: Redaction | undefined,
): Comparison {
  if ('fault' in left) return notAnswered(left.fault);
  if ('fault' in right) return notAnswered(right.fault);
  // A recorded answer has its secrets hidden: the other one is read in the same way.
  const candidate = recordedWith === undefined ? right.answer : asRecorded(right.answer, recordedWith);
  return compareAnswers(left.answer, candidate, rules, { redaction: recordedWith ?? defaultRedaction });
}

function answered(side: AskedSide): { answer: Answer | undefined; milliseconds: number | undefined } {
  return 'fault' in side ? { answer: undefined, milliseconds: undefined } : side;
}

/** As recorded, without what was hidden; what the caller gives wins. */
function sentHeaders(
  exchange: RecordedExchange,
  given: ReplayOptions['headers'],
): Readonly<Record<string, string | string[]>> {
  const headers: Record<string, string | string[]> = { host: exchange.host };
  for (const [name, value] of exchange.headers) {
    const key = name.toLowerCase();
    if (NOT_SENT.has(key) || value.includes(REDACTED)) continue;
    const before = headers[key];
    headers[key] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  for (const [name, value] of given) headers[name.toLowerCase()] = value;
  return headers;
}

function rawHeaders(headers: ReturnType<typeof sentHeaders>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((one) => [name, one]));
}

/** Which declared route a request takes: `catalog.product`, or `undeclared`; and by which rules it is compared. */
export function routeFinder(migrations: readonly Migration[]) {
  const declared = declaredRoutes(migrations).map((entry) => ({ ...entry, rules: compileRules(entry.route.compare) }));
  const table = compileRoutes(declared);
  const none = { name: 'undeclared', rules: compileRules([]) };
  return (method: string, target: string) => {
    const entry = table.match(method, target);
    return entry === undefined ? none : { name: `${entry.migration.capability}.${entry.route.id}`, rules: entry.rules };
  };
}

function summarise(requests: readonly ReplayedRequest[], options: ReplayOptions, seconds: number): ReplayReport {
  const outcomes: Record<Outcome, number> = { match: 0, mismatch: 0, ignored: 0, stale: 0, error: 0 };
  const groups = new Map<string, { route: string; places: readonly string[]; count: number }>();
  for (const { comparison, route } of requests) {
    if (comparison === null) continue;
    outcomes[comparison.outcome]++;
    if (comparison.outcome !== 'mismatch' && comparison.outcome !== 'error') continue;
    const places = placesOf(comparison);
    const key = [route, ...places].join('\n');
    const group = groups.get(key) ?? { route, places, count: 0 };
    group.count++;
    groups.set(key, group);
  }
  return {
    control: options.control ?? 'the recorded answers',
    candidate: options.candidate,
    requests,
    outcomes,
    skipped: requests.filter(({ comparison }) => comparison === null).length,
    parity: parityOf(outcomes),
    groups: [...groups.values()].sort((one, other) => other.count - one.count),
    seconds: Math.round(seconds * 10) / 10,
  };
}
