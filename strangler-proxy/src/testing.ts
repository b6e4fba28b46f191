import type { CompareRule, Migration } from 'strangler-migrations/define';
import type {} from 'vitest';
import type { Answer } from './compare/answer.ts';
import { compareAnswers } from './compare/compare-answers.ts';
import type { Comparison, Outcome } from './compare/comparison.ts';
import { formatComparison } from './compare/format.ts';
import { type CompiledRules, compileRules } from './compare/rules.ts';
import { compileRoutes, declaredRoutes } from './match/route-table.ts';
import { type AskedSide, askSide, notAnswered, openSide, type Side } from './sides/ask-side.ts';

export type { Comparison, Difference } from './compare/comparison.ts';
export { formatComparison } from './compare/format.ts';

/** One request that both sides are asked. */
export interface TestRequest {
  readonly method: string;
  /** Path and query, sent as they are written here: `/api/products?page=2`. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks for a page or a resource. */
export function get(target: `/${string}`, headers: Readonly<Record<string, string>> = {}): TestRequest {
  return { method: 'GET', target, headers };
}

/** Asks for the headers alone. */
export function head(target: `/${string}`, headers: Readonly<Record<string, string>> = {}): TestRequest {
  return { method: 'HEAD', target, headers };
}

/** Sends a body. Both sides do what it says, each to its own data: for test databases only. */
export function send(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  target: `/${string}`,
  body?: string | object,
  headers: Readonly<Record<string, string>> = {},
): TestRequest {
  if (body === undefined) {
    return { method, target, headers };
  }
  return typeof body === 'string'
    ? { method, target, headers, body }
    : { method, target, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** What {@link sides} takes. */
export interface SidesOptions {
  /** URL of the side that is right: scheme, host and port. */
  readonly control: string;
  /** URL of the side that shall be the same. */
  readonly candidate: string;
  /** Whose routes say what may differ. A request that matches none of them is refused, unless there are `rules`. */
  readonly migration?: Migration;
  /** What may differ, for every request; used instead of the migration's. */
  readonly rules?: readonly CompareRule[];
  /** Sent with every request. Both sides get one `Host`: the control's, unless it is set here. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For each side's whole answer; 10,000 by default. */
  readonly timeoutMs?: number;
}

/** What both sides answered to one request, and how their answers differ. */
export interface SidesResult {
  readonly request: TestRequest;
  readonly comparison: Comparison;
  /** Undefined if the side did not answer. */
  readonly control: Answer | undefined;
  readonly candidate: Answer | undefined;
  /** What a person reads: the request, both sides, the differences. */
  readonly report: string;
}

/** Asks both sides, and compares. It does not throw for what they answer, or for no answer. */
export type Sides = (request: TestRequest) => Promise<SidesResult>;

/** Two servers to compare, in a test or anywhere else. @throws Error for a URL that is none. */
export function sides(options: SidesOptions): Sides {
  const control = openSide('control', options.control);
  const candidate = openSide('candidate', options.candidate);
  const rulesOf = createRules(options);
  return async (request) => {
    const rules = rulesOf(request);
    const asked = { ...request, headers: { host: control.url.host, ...options.headers, ...request.headers } };
    const timeoutMs = options.timeoutMs ?? 10_000;
    const [left, right] = await Promise.all([askSide(control, asked, timeoutMs), askSide(candidate, asked, timeoutMs)]);
    const comparison =
      'fault' in left
        ? notAnswered(left.fault)
        : 'fault' in right
          ? notAnswered(right.fault)
          : compareAnswers(left.answer, right.answer, rules);
    const line = (side: Side, asked: AskedSide) =>
      `  ${side.role.padEnd(10)} ${side.url.origin}  ${'fault' in asked ? 'no answer' : asked.answer.status}`;
    return Object.freeze({
      request,
      comparison,
      control: 'fault' in left ? undefined : left.answer,
      candidate: 'fault' in right ? undefined : right.answer,
      report: [
        `${request.method} ${request.target}`,
        line(control, left),
        line(candidate, right),
        formatComparison(comparison, { color: wantsColor() }),
      ].join('\n'),
    });
  };
}

/** What a list of requests gave. */
export interface SidesReport {
  readonly results: readonly SidesResult[];
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

const atOnce = 4;

/** Compares a list of requests, a few at a time; the results are in the order of the requests. */
export async function compareRequests(both: Sides, requests: readonly TestRequest[]): Promise<SidesReport> {
  const results: SidesResult[] = [];
  const left = requests.entries();
  const worker = async () => {
    for (const [index, request] of left) {
      results[index] = await both(request);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const outcomes: Record<Outcome, number> = { match: 0, mismatch: 0, ignored: 0, stale: 0, error: 0 };
  for (const { comparison } of results) {
    outcomes[comparison.outcome]++;
  }
  return Object.freeze({ results, outcomes });
}

/**
 * Matchers for vitest (or Jest): `expect.extend(sidesMatchers)` once, then
 * `expect(await both(get('/api/products'))).toMatchSides()`. What rules excuse passes.
 */
export const sidesMatchers = {
  toMatchSides(received: SidesResult | SidesReport) {
    const results = 'results' in received ? received.results : [received];
    const wrong = results.filter(({ comparison }) => !isSame(comparison.outcome));
    const pass = wrong.length === 0;
    return {
      pass,
      message: () => {
        if (pass) {
          const names = results.map(({ request }) => `${request.method} ${request.target}`);
          return `Both sides give the same answer, and should not:\n\n${names.join('\n')}`;
        }
        const count = results.length === 1 ? '' : `${wrong.length} of ${results.length} requests: `;
        const shown = wrong.slice(0, reportsMax).map(({ report }) => report);
        const more = wrong.length > reportsMax ? `\n\nand ${wrong.length - reportsMax} more` : '';
        return `${count}the sides do not give the same answer\n\n${shown.join('\n\n')}${more}`;
      },
    };
  },
};

const reportsMax = 5;

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** Passes if both sides gave the same answer, but for what rules excuse. */
    toMatchSides(): R;
  }
}

function isSame(outcome: Outcome): boolean {
  return outcome === 'match' || outcome === 'ignored';
}

function createRules({ migration, rules }: SidesOptions): (request: TestRequest) => CompiledRules {
  if (rules !== undefined || migration === undefined) {
    const compiled = compileRules(rules ?? []);
    return () => compiled;
  }
  const declared = declaredRoutes([migration]).map((entry) => ({ ...entry, rules: compileRules(entry.route.compare) }));
  const table = compileRoutes(declared);
  return ({ method, target }) => {
    const entry = table.match(method, target);
    if (entry === undefined) {
      const known = migration.routes.map((route) => `  ${route.method} ${route.path}`).join('\n');
      throw new Error(
        `${method} ${target} is no route of the migration ${migration.capability}, so nothing says how to compare it. ` +
          `Declare it, or give \`rules\`. Its routes:\n${known}`,
      );
    }
    return entry.rules;
  };
}

/** As the NO_COLOR convention and Node's FORCE_COLOR have it. */
function wantsColor(): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  return (NO_COLOR ?? '') === '' && ((FORCE_COLOR ?? '0') !== '0' || process.stdout.isTTY === true);
}
