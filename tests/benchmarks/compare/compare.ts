/** `npm run bench:compare`: what one comparison costs beside `JSON.parse` of both bodies, in the same run, taking turns. */

import { parseArgs } from 'node:util';
import { asHtml, type CompareRule, ignore, sameFormat, tolerance, unordered } from 'strangler-migrations/define';
import { type Answer, compareAnswers, compileRules } from 'strangler-proxy/compare';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(
    'npm run bench:compare -- [--json] [--rounds N]\n  --rounds  of each contestant; the median counts (15)\n',
  );
  process.exit(0);
}
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`--rounds ${values.rounds}: has to be a whole number from 1 up\n`);
  process.exit(1);
}

/** Rounds that are not counted: the engine compiles what is hot. */
const WARM_UP_ROUNDS = 5;

/** The rules of a route that has been lived with for a while. */
const RULES: readonly CompareRule[] = [
  ignore('/took', 'Time taken'),
  unordered('/facets', 'A set', 'name'),
  tolerance('/products/*/rating', 0.01, 'Rounded elsewhere'),
  sameFormat('/products/*/updated', 'timestamp', 'UTC on the other side'),
  asHtml('Not used for JSON'),
];

/** A page of products of about 10 KB, with what shops have: prices as text, umlauts, dates, nested lists. */
function productPage(): object {
  const products = Array.from({ length: 43 }, (_, index) => ({
    id: 1_000 + index,
    sku: `KN-${1_000 + index}`,
    name: `Brotmesser „Solingen“ ${index}`,
    price: `${19 + index}.90`,
    price_cents: 1_990 + index * 100,
    rating: 4.25,
    in_stock: index % 3 > 0,
    categories: ['kitchen', 'knives'],
    updated: '2026-11-21T10:00:00Z',
    description: index % 4 === 0 ? 'Forged from one piece, with a handle of walnut.\nNot for the dishwasher.' : null,
  }));
  return { page: 1, took: 3, total: 2_000, facets: [{ name: 'brand', count: 7 }], products };
}

function answer(body: string): Answer {
  return { status: 200, rawHeaders: ['Content-Type', 'application/json'], body: Buffer.from(body), truncated: false };
}

/** The same members in the opposite order: nothing of the other text can be taken for granted. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

const page = productPage();
const text = JSON.stringify(page);
const [same, spaced, turned] = [
  answer(text),
  answer(JSON.stringify(page, undefined, 1)),
  answer(JSON.stringify(reversed(page))),
];
const changed = answer(text.replace('"19.90"', '"19.9"'));
const rules = compileRules(RULES);

const CONTESTANTS = {
  'JSON.parse of both': () => {
    JSON.parse(same.body.toString());
    JSON.parse(spaced.body.toString());
  },
  'equal, laid out differently': () => compareAnswers(same, spaced, rules),
  'equal, members in another order': () => compareAnswers(same, turned, rules),
  'one price differs': () => compareAnswers(same, changed, rules),
  'equal byte for byte': () => compareAnswers(same, same, rules),
};
type Name = keyof typeof CONTESTANTS;

for (const [name, expected] of [
  ['equal, laid out differently', 'match'],
  ['equal, members in another order', 'match'],
  ['one price differs', 'mismatch'],
] as const) {
  const { outcome } = CONTESTANTS[name]();
  if (outcome !== expected) throw new Error(`"${name}" came to ${outcome}: what is measured is not what is meant`);
}

const names = Object.keys(CONTESTANTS) as Name[];
const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
for (let round = 0; round < rounds + WARM_UP_ROUNDS; round++) {
  for (const name of names) {
    const microseconds = measure(CONTESTANTS[name]);
    if (round >= WARM_UP_ROUNDS) samples[name].push(microseconds);
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${round + 1} of ${rounds + WARM_UP_ROUNDS} rounds `);
}
if (process.stderr.isTTY) process.stderr.write('\n');

const median = (list: readonly number[]) => list.toSorted((left, right) => left - right)[Math.floor(list.length / 2)]!;
const costs = Object.fromEntries(names.map((name) => [name, median(samples[name])])) as Record<Name, number>;
const parse = costs['JSON.parse of both'];
const report = {
  cost_ratio_to_parse: round2(
    Math.max(costs['equal, laid out differently'], costs['equal, members in another order']) / parse,
  ),
  body_bytes: same.body.length,
  costs_us: Object.fromEntries(names.map((name) => [name, round2(costs[name])])),
  notes: [
    'CPU time of one thread; the ratio is that of the dearer of the two equal bodies that are not equal byte for byte',
  ],
};
if (values.json) {
  process.stdout.write(`${JSON.stringify(report)}\n`);
} else {
  for (const name of names) {
    process.stdout.write(
      `${name.padEnd(34)}${costs[name].toFixed(1).padStart(9)} us${(costs[name] / parse).toFixed(2).padStart(8)}x\n`,
    );
  }
  process.stdout.write(
    `\nTwo equal bodies of ${same.body.length} bytes cost ${report.cost_ratio_to_parse} times JSON.parse of both (goal: at most 3)\n`,
  );
}
if (report.cost_ratio_to_parse > 3) process.exitCode = 2;

/** Microseconds of CPU for one run of `work`, over some milliseconds of runs. */
function measure(work: () => unknown): number {
  const runs = 200;
  const before = process.cpuUsage();
  for (let run = 0; run < runs; run++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / runs;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
