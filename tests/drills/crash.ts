/**
 * `npm run drill:crash`: breaks change capture in every way that can be thought of, again and again, and counts what was
 * lost by it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startKafka } from '@strangler/stack/kafka';
import { startPostgres } from '../support/postgres-server.ts';
import { freePortBase } from '../support/running-stack.ts';
import { wholeNumber } from '../support/whole-number.ts';
import { oneRun, type RunResult } from './crash/one-run.ts';

const HELP = `Eight writers, readers that watch for a row going back, and everything that can break, breaks: the process is killed
at random and at each failpoint, sessions are ended, connections cut and frozen, the source's server crashes. In the end
both stores have to be equal, row by row, and every event written once.

  npm run drill:crash -- --runs 20
  npm run drill:crash -- --runs 200 --seed 1 --json
  npm run drill:crash -- --runs 1 --seed 17      what a run that failed did, once more

Options
  --runs N            how many (default: 20)
  --seed S            of the first run, the next one has S + 1; drawn and printed by default
  --engine NAME       the capture: embedded (default), or debezium on a Kafka of its own; then Kafka Connect
                      is killed and the broker frozen, too
  --json              one JSON object on stdout

Exit status: 0 nothing was lost, 1 error, 2 something was.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      seed: { type: 'string' },
      engine: { type: 'string', default: 'embedded' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.engine !== 'embedded' && values.engine !== 'debezium') {
    throw new Error(`there is no engine "${values.engine}", only "embedded" and "debezium"`);
  }
  const runs = wholeNumber('runs', values.runs, 1);
  const seed = values.seed ? wholeNumber('seed', values.seed, 0) : Math.floor(Math.random() * 1_000_000);
  process.stderr.write(`${runs} runs from seed ${seed} on\n`);

  const folder = await mkdtemp(join(tmpdir(), 'strangler-crash-'));
  const port = await freePortBase();
  const began = performance.now();
  const results: (RunResult & { seed: number })[] = [];
  // Ctrl-C ends the run at hand, cleans up, and tells what there is.
  let told = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (told = true));
  // What is lost in a power cut is not what this looks for.
  const settings = { fsync: 'off', max_wal_size: '256MB', deadlock_timeout: '50ms' };
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const kafka = values.engine === 'debezium' ? await startKafka(say) : undefined;
  const source = await startPostgres(folder, port, settings);
  try {
    const target = await startPostgres(folder, port + 1, settings);
    try {
      for (let run = 0; run < runs && !told; run++) {
        const servers = { source, target, ...(kafka ? { kafka } : {}) };
        const result = await oneRun(servers, seed + run).catch((error: Error) => failure(error));
        results.push({ ...result, seed: seed + run });
        const seconds = (performance.now() - began) / 1_000;
        const left = Math.round(((runs - run - 1) * seconds) / (run + 1));
        process.stderr.write(`${describe(result, seed + run)}, run ${run + 1} of ${runs}, ${left} s left\n`);
      }
    } finally {
      await target.stop();
    }
  } finally {
    await source.stop();
    await kafka?.stop();
    await rm(folder, { recursive: true, force: true });
  }

  const sum = (key: 'kills' | 'writes' | 'lost' | 'doubled' | 'backward_reads' | 'half_transactions') =>
    results.reduce((total, result) => total + result[key], 0);
  const failed = results.filter((result) => result.faults.length > 0);
  const report = {
    engine: values.engine,
    seed,
    runs: results.length,
    kills: sum('kills'),
    writes: sum('writes'),
    lost: sum('lost'),
    doubled: sum('doubled'),
    backward_reads: sum('backward_reads'),
    half_transactions: sum('half_transactions'),
    failed_runs: failed.map((result) => ({ seed: result.seed, why: result.faults.join('; ') })),
    seconds: Math.round((performance.now() - began) / 1_000),
  };
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : summary(report));
  return failed.length > 0 ? 2 : 0;
}

/** A run that could not be brought to its end has proved nothing. */
function failure(error: Error): RunResult {
  const none = { kills: 0, writes: 0, lost: 0, doubled: 0, backward_reads: 0, half_transactions: 0 };
  return { ...none, faults: [`the run itself failed: ${error.stack}`] };
}

function describe(result: RunResult, seed: number): string {
  const { kills, writes, faults } = result;
  const outcome = faults.length === 0 ? 'ok' : `FAILED: ${faults.join('; ')}`;
  return `seed ${seed}: ${kills} kills, ${writes} writes, ${outcome}`;
}

function summary(report: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(report).map(
    ([name, value]) => `${name.padEnd(18)} ${Array.isArray(value) ? value.length : value}`,
  );
  return `${lines.join('\n')}\n`;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`drill:crash: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
