/** `npm run bench:cdc`: capture and apply beside PostgreSQL's own logical replication. Prints the report of the commands' contract. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { freePortBase, ROOT } from '../../support/running-stack.ts';
import { residentMebibytes } from '../proxy/processes.ts';
import {
  type Contestant,
  type CpuTime,
  createNative,
  createOurs,
  endOurs,
  OUR_SLOT,
  ourEnvironment,
} from './contestants.ts';
import { mean, median, percentile99, rounded } from './figures.ts';
import { measureLoads } from './loads.ts';
import { run, type Stores, startStores, untilFound, withSession } from './stores.ts';
import { atOnce, atRate, changedInBulk, inBulk, oneByOne, type Writer } from './writers.ts';

const HELP = `Capture and apply beside PostgreSQL's own logical replication: the same rows, between the same two servers, by turns.

  npm run bench:cdc
  npm run bench:cdc -- --json --rows 200000

Options
  --rows N      rows of each measurement (default: 400000); a quarter of them where each is a transaction
  --rounds N    of each measurement; the median counts (default: 3)
  --seconds N   for how long changes come at an even rate (default: 10)
  --only A,B    only these of: bulk, single, updates, load, lag, verify, memory (the first load is always made)
  --json        one JSON object on stdout
`;

/** Changes per second at which lag is taken. */
const LAG_RATE = 2_000;
/** Rows of the one transaction by which memory is measured, unless --rows asks for a small run. */
const LARGE_ROWS = 1_000_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '400000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rows = wholeNumber('--rows', values.rows, 100);
const rounds = wholeNumber('--rounds', values.rounds, 1);
const seconds = wholeNumber('--seconds', values.seconds, 1);
const PARTS = ['bulk', 'single', 'updates', 'load', 'lag', 'verify', 'memory'] as const;
const parts = chooseParts(values.only);

const notes: string[] = [];
const began = performance.now();
const folder = await mkdtemp(join(tmpdir(), 'strangler-bench-cdc-'));
/** What has to be stopped, the last one first. */
const open: { stop(): Promise<void> }[] = [];
let cleaning: Promise<void> | undefined;
// Not only once: npm passes a signal on that the terminal has sent to both, and a second one must not cut the cleaning short.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void cleanUp().finally(() => process.exit(1)));
}
try {
  const report = await measure();
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else print(report);
} catch (error) {
  process.stderr.write(`bench:cdc: ${(error as Error).stack}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

function cleanUp(): Promise<void> {
  cleaning ??= (async () => {
    endOurs();
    for (const each of open.splice(0).toReversed()) await each.stop().catch(() => {});
    await rm(folder, { recursive: true, force: true });
  })();
  return cleaning;
}

async function measure() {
  const stores = await startStores(folder, await freePortBase());
  open.push(stores);
  say(`writing ${rows} rows`);
  await inBulk(stores.sourceUrl, 1, rows);
  let next = rows + 1;
  const take = (count: number) => {
    next += count;
    return next - count;
  };

  const loads = await measureLoads(stores, parts.has('load') ? rounds : 0, say);
  const ours = createOurs(stores, loads.targetUrl);
  const native = await createNative(stores);

  const small = Math.max(100, Math.round(rows / 4));
  const both = [native, ours] as const;
  const bulk = await part('bulk', () => compete(stores, both, 'bulk transactions', rows, () => [inBulk, take(rows)]));
  const single = await part('single', () =>
    compete(stores, both, 'single-row transactions', small, () => [oneByOne, take(small)]),
  );
  const updates = await part('updates', () => compete(stores, both, 'bulk updates', rows, () => [changedInBulk, 1]));
  const lag = await part('lag', () => measureLag(stores, ours, take));
  const verification = await part('verify', () => measureVerify(stores, loads.targetUrl, ours));
  const memory = await part('memory', () => measureMemory(stores, ours, take));
  for (const name of PARTS) if (!parts.has(name)) notes.push(`${name}: not taken, as --only does not name it`);
  return {
    catch_up_ratio_to_native: bulk?.ratio ?? null,
    small_transactions_ratio_to_native: single?.ratio ?? null,
    updates_ratio_to_native: updates?.ratio ?? null,
    snapshot_ratio_to_copy: loads.ratio,
    verify_ratio_to_count: verification?.ratio ?? null,
    rows_per_second: bulk?.ours.rows_per_second ?? null,
    lag_ms: lag,
    memory_growth_mib: memory,
    debezium: null,
    bulk: figuresOf(bulk),
    single: figuresOf(single),
    updates: figuresOf(updates),
    load: loads.figures,
    verify: verification?.figures ?? null,
    rows,
    rounds,
    seconds: Math.round((performance.now() - began) / 1_000),
    notes: [...notes, 'debezium: not taken; this is the embedded engine'],
  };
}

/** What was asked for; else null, as the report has it. */
async function part<T>(name: (typeof PARTS)[number], take: () => Promise<T>): Promise<T | null> {
  return parts.has(name) ? take() : null;
}

interface Figures {
  readonly rows_per_second: number | null;
  /** Where the time goes, and `all` of it. */
  readonly cpu_us_per_row: Readonly<Record<keyof CpuTime | 'all', number | null>>;
}

interface Competition {
  readonly ours: Figures;
  readonly native: Figures;
  readonly ratio: number | null;
}

function figuresOf(competition: Competition | null) {
  return competition && { ours: competition.ours, native: competition.native };
}

/** What is written while nobody looks, each catches up on alone, one after the other, the first one by turns. */
async function compete(
  stores: Stores,
  contestants: readonly Contestant[],
  what: string,
  count: number,
  prepare: () => [Writer, number],
): Promise<Competition> {
  const measured = { ours: [] as Sample[], native: [] as Sample[] };
  for (let round = 0; round < rounds; round++) {
    const [write, first] = prepare();
    say(`${what}, round ${round + 1} of ${rounds}: writing ${count} rows`);
    await write(stores.sourceUrl, first, count);
    const mark = await setMark(stores);
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const sample = await catchUp(stores, contestant, mark, count);
      measured[contestant.name].push(sample);
      say(`${what}, round ${round + 1} of ${rounds}: ${contestant.name}, ${Math.round(sample.rowsPerSecond)} rows/s`);
    }
  }
  const figures = (samples: readonly Sample[]) => ({
    rows_per_second: rounded(median(samples.map((each) => each.rowsPerSecond)), 0),
    cpu_us_per_row: {
      all: cpuOf(samples, ({ source, between, target }) => source + between + target),
      source: cpuOf(samples, ({ source }) => source),
      between: cpuOf(samples, ({ between }) => between),
      target: cpuOf(samples, ({ target }) => target),
    },
  });
  const ratios = measured.ours.map((each, index) => each.rowsPerSecond / measured.native[index]!.rowsPerSecond);
  return { ours: figures(measured.ours), native: figures(measured.native), ratio: rounded(median(ratios), 2) };
}

interface Sample {
  readonly rowsPerSecond: number;
  /** Microseconds per row. */
  readonly cpu: CpuTime;
}

function cpuOf(samples: readonly Sample[], of: (cpu: CpuTime) => number): number | null {
  return rounded(median(samples.map(({ cpu }) => of(cpu))), 1);
}

/** From the moment at which the source sends to the moment at which the last row can be seen. */
async function catchUp(stores: Stores, contestant: Contestant, mark: number, count: number): Promise<Sample> {
  await contestant.start();
  const since = performance.now();
  const before = await contestant.cpuMicroseconds();
  await untilMarked(contestant.targetUrl, mark);
  const elapsed = performance.now() - since;
  const after = await contestant.cpuMicroseconds();
  await contestant.stop();
  const held = await run(contestant.targetUrl, `SELECT count(*)::int AS count FROM ${contestant.table.name}`);
  const sent = await run(stores.sourceUrl, 'SELECT count(*)::int AS count FROM prod');
  if (held.rows[0].count !== sent.rows[0].count) {
    throw new Error(`${contestant.name} holds ${held.rows[0].count} rows where the source has ${sent.rows[0].count}`);
  }
  const used = (key: keyof CpuTime) => (after[key] - before[key]) / count;
  return {
    rowsPerSecond: (count / elapsed) * 1_000,
    cpu: { source: used('source'), between: used('between'), target: used('target') },
  };
}

/** Comes after all that was written. */
async function setMark({ sourceUrl }: Stores): Promise<number> {
  const { rows: made } = await run(
    sourceUrl,
    'INSERT INTO mark SELECT coalesce(max(id), 0) + 1 FROM mark RETURNING id::int AS id',
  );
  return made[0].id;
}

function untilMarked(targetUrl: string, mark: number): Promise<unknown> {
  return untilFound(targetUrl, 'SELECT FROM mark WHERE id = $1', [mark]);
}

/** From the source's commit to the moment at which a reader of the target, who looks every two milliseconds, sees the row. */
async function measureLag(stores: Stores, contestant: Contestant, take: (count: number) => number) {
  say(`lag of ${contestant.name}: ${LAG_RATE} changes/s for ${seconds} s`);
  await contestant.start();
  // What every process does once, at its first rows, is not its lag.
  await atRate(stores.sourceUrl, take(LAG_RATE), LAG_RATE, 1);
  await untilMarked(contestant.targetUrl, await setMark(stores));
  const count = LAG_RATE * seconds;
  const first = take(count);
  const [seen] = await Promise.all([
    watchRows(contestant, first, count),
    atRate(stores.sourceUrl, first, LAG_RATE, seconds),
  ]);
  await contestant.stop();
  const { rows: sent } = await run(
    stores.sourceUrl,
    `SELECT prod_id::int AS id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 AS at
     FROM prod WHERE prod_id >= $1`,
    [first],
  );
  const lags = sent.map(({ id, at }) => seen.get(id)! - at);
  return { mean: rounded(mean(lags), 1), p99: rounded(percentile99(lags), 1) };
}

/** Row -> when it was first seen, in milliseconds since 1970. */
function watchRows({ targetUrl, table }: Contestant, first: number, count: number): Promise<Map<number, number>> {
  return withSession(targetUrl, async (client) => {
    const seen = new Map<number, number>();
    let lowest = first;
    while (seen.size < count) {
      const text = `SELECT ${table.key}::int AS id FROM ${table.name} WHERE ${table.key} >= $1`;
      const { rows: found } = await client.query({ name: 'watch', text, values: [lowest] });
      const at = performance.timeOrigin + performance.now();
      for (const { id } of found) if (!seen.has(id)) seen.set(id, at);
      while (seen.has(lowest)) lowest++;
      await new Promise((wake) => setTimeout(wake, 2));
    }
    return seen;
  });
}

/** `cdc verify` over `count(*)` of both tables, counted as it reads them: both at once. */
async function measureVerify(stores: Stores, targetUrl: string, ours: Contestant) {
  await ours.start();
  await untilMarked(targetUrl, await setMark(stores));
  // As they are most of the time: vacuumed and with statistics.
  await Promise.all([run(stores.sourceUrl, 'VACUUM (ANALYZE) prod'), run(targetUrl, 'VACUUM (ANALYZE) product')]);
  const counted: number[] = [];
  const verified: number[] = [];
  let held = 0;
  for (let round = 1; round <= rounds; round++) {
    say(`verify, round ${round} of ${rounds}`);
    counted.push(
      await withSession(stores.sourceUrl, (source) =>
        withSession(targetUrl, async (target) => {
          const since = performance.now();
          await Promise.all([source.query('SELECT count(*) FROM prod'), target.query('SELECT count(*) FROM product')]);
          return (performance.now() - since) / 1_000;
        }),
      ),
    );
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'cdc/src/cli.ts'), 'verify', '--json', '--table', 'prod'],
      { env: { ...ourEnvironment(stores, targetUrl), STRANGLER_STATE: folder } },
    );
    const [verification] = JSON.parse(stdout).verifications;
    if (verification.verdict !== 'equal') throw new Error(`verify found the stores ${stdout}`);
    held = verification.tables[0].rows;
    verified.push(verification.seconds);
  }
  await ours.stop();
  return {
    ratio: rounded(median(verified.map((each, index) => each / counted[index]!)), 1),
    figures: {
      rows: held,
      count_seconds: rounded(median(counted), 3),
      verify_seconds: rounded(median(verified), 3),
    },
  };
}

/** How much the process grows, in MiB, over what it takes with an ordinary load, while one large transaction passes. */
async function measureMemory(stores: Stores, ours: Contestant & { pid(): number }, take: (count: number) => number) {
  const large = rows < 100_000 ? rows * 2 : LARGE_ROWS;
  if (large !== LARGE_ROWS) notes.push(`memory_growth_mib: one transaction of ${large} rows, as --rows is small`);
  await ours.start();
  if (residentMebibytes(ours.pid()) === null) {
    notes.push('memory_growth_mib: this system does not say');
    await ours.stop();
    return null;
  }
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMebibytes(ours.pid()) ?? 0);
  }, 50);
  try {
    await inBulk(stores.sourceUrl, take(large / 5), large / 5);
    await untilMarked(ours.targetUrl, await setMark(stores));
    const before = peak;
    say(`memory: one transaction of ${large} rows`);
    await atOnce(stores.sourceUrl, take(large), large);
    await untilMarked(ours.targetUrl, await setMark(stores));
    say(`memory: ${Math.round(before)} MiB before, at most ${Math.round(peak)} MiB`);
    return rounded(peak - before, 1);
  } finally {
    clearInterval(watch);
    await ours.stop();
    await run(stores.sourceUrl, 'SELECT pg_drop_replication_slot($1)', [OUR_SLOT]).catch(() => {});
  }
}

function chooseParts(only: string | undefined): ReadonlySet<string> {
  const chosen = only?.split(',') ?? PARTS;
  const unknown = chosen.filter((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown.length === 0) return new Set(chosen);
  process.stderr.write(`bench:cdc: --only ${unknown.join(',')}: the parts are ${PARTS.join(', ')}\n`);
  process.exit(1);
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  process.stderr.write(`bench:cdc: ${name} has to be a whole number from ${least} on, not "${text}"\n`);
  process.exit(1);
}

function say(what: string): void {
  process.stderr.write(`${Math.round((performance.now() - began) / 1_000)} s  ${what}\n`);
}

function print({ notes: remarks, ...report }: Awaited<ReturnType<typeof measure>>): void {
  for (const [name, value] of Object.entries(report)) {
    process.stdout.write(`${name.padEnd(36)}${typeof value === 'object' ? JSON.stringify(value) : value}\n`);
  }
  for (const remark of remarks) process.stdout.write(`note: ${remark}\n`);
}
