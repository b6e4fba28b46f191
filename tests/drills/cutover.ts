/**
 * `npm run drill:cutover`: the writes of the catalog go to the service and back, again and again, under load through two
 * proxies and with a job that goes past both, and every acknowledged write is looked up in both databases.
 */
import { parseArgs } from 'node:util';
import { startCatalogLoad } from '../support/catalog-load.ts';
import { lookUp } from '../support/catalog-stores.ts';
import { createRandom } from '../support/random.ts';
import { startStack } from '../support/running-stack.ts';
import { until } from '../support/until.ts';
import { wholeNumber } from '../support/whole-number.ts';
import { startBypass } from './cutover/bypass.ts';
import { controlOf } from './cutover/move.ts';
import { startSecondProxy } from './cutover/second-proxy.ts';

const HELP = `Administrators create and change products through two proxies, shoppers read, the repricing job goes past both; and the
owner of the catalog's writes changes there and back. Nobody may be refused, and no acknowledged write may be missing.

  npm run drill:cutover -- --cycles 3
  npm run drill:cutover -- --cycles 50 --seed 1 --json

Options
  --cycles N   there and back, so often (default: 3)
  --seed S     of the pauses between the moves; drawn and printed by default
  --json       one JSON object on stdout

Exit status: 0 nobody was refused and nothing was lost, 1 error, 2 somebody or something was.
`;

const BETWEEN_MS_MAX = 1_500;
/** A move that is refused or undone (a machine that is too busy) is asked for again, so often. */
const TRIES_MAX = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cycles: { type: 'string', default: '3' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const cycles = wholeNumber('cycles', values.cycles, 1);
  const seed = values.seed ? wholeNumber('seed', values.seed, 0) : Math.floor(Math.random() * 1_000_000);
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  say(`${cycles} cycles, seed ${seed}; the system starts`);
  const chance = createRandom(seed);
  const prefix = `DRILL${seed}`.slice(0, 12);
  let told = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (told = true));

  const stack = await startStack();
  try {
    const control = await controlOf(stack);
    await until(
      () => control.owner().catch(() => null),
      (owner) => owner !== null,
      { withinMs: 60_000 },
    );
    const second = await startSecondProxy(stack);
    const load = await startCatalogLoad({ shops: [stack.urls.shop, second.url], prefix });
    const bypass = startBypass(stack);
    const began = performance.now();
    const pauses: number[] = [];
    const notDone: string[] = [];
    let done = 0;
    for (; done < cycles && !told; done++) {
      for (const kind of ['cutover', 'rollback'] as const) {
        for (let tries = 1; ; tries++) {
          load.mark();
          const { state, said } = await control.move(kind);
          await new Promise((wake) => setTimeout(wake, chance.below(BETWEEN_MS_MAX)));
          if (state === 'done') break;
          notDone.push(said);
          if (tries >= TRIES_MAX) throw new Error(`${kind} is not to be done: ${said}`);
        }
        pauses.push(load.report().slowestWriteMs);
      }
      const seconds = (performance.now() - began) / 1_000;
      const left = Math.round(((cycles - done - 1) * seconds) / (done + 1));
      const { requests, failed } = load.report();
      say(`cycle ${done + 1} of ${cycles}: ${requests} requests, ${failed} failed, ${left} s left`);
    }
    const { done: repriced, refused, failed: bypassFailed } = await bypass.stop();
    const report = await load.stop();
    const findings = await lookUp(stack.databases, report, prefix);
    await second.stop();
    const changes = [...report.numbered.values()].reduce((sum, number) => sum + number, 0);
    const result = {
      ...{ cycles: done, seed, requests: report.requests, failed_requests: report.failed },
      writes_acknowledged: report.created.length + changes,
      lost: findings.lost.length,
      doubled: findings.doubled.length,
      backward_reads: report.backwardReads,
      id_collisions: findings.collisions.length,
      // The slowest write of each move: it waited through the whole of it.
      write_pause_ms: { p50: percentile(pauses, 0.5), p99: percentile(pauses, 0.99), max: percentile(pauses, 1) },
      moves_not_done: notDone.length,
      bypassing_job: { done: repriced, refused, failed: bypassFailed.length },
      cases: 0,
      failed_cases: [],
      seconds: Math.round((performance.now() - began) / 1_000),
      notes: [...report.failures, ...findings.lost, ...findings.doubled, ...bypassFailed, ...notDone].slice(0, 20),
    };
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : summary(result));
    const wrong = report.failed + findings.lost.length + findings.doubled.length + findings.collisions.length;
    return wrong + report.backwardReads + bypassFailed.length > 0 ? 2 : 0;
  } finally {
    await stack.stop();
  }
}

function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? null;
}

function summary(report: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(report).map(
    ([name, value]) => `${name.padEnd(20)} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  return `${lines.join('\n')}\n`;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`drill:cutover: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
