/**
 * `npm run fuzz:proxy`: sends a proxy what clients and upstreams should not send, made at random from a seed, and holds
 * what comes out at the other side against a strict reading of what went in.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { createProcesses, type DrillProcess } from '../drills/proxy/processes.ts';
import { checkAnswers } from './proxy/check-answers.ts';
import { checkRequests, type Scene } from './proxy/check-requests.ts';
import { clientBytes } from './proxy/client-bytes.ts';
import { startFuzzUpstream } from './proxy/upstream.ts';
import { upstreamBytes } from './proxy/upstream-bytes.ts';

const HELP = `npm run fuzz:proxy -- [options]

Sends a proxy requests and answers that are good, or that something was done to, and sees that whatever comes out at the
other side is one well-formed message for each that went in. Needs nothing that runs.

  --seed <number>       What to make them from; a fresh one each time by default, and it is printed
  --seconds <number>    How long (60)
  --direction <name>    Only this: requests, answers
  --path <path>         One failing case again, with the seed that found it
  --json                Print one JSON object on stdout
  --help                Print this

Exit status: 0 everything held, 1 the fuzzer itself failed, 2 something did not hold.
`;

const DIRECTIONS = ['requests', 'answers'] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Something that did not hold. */
interface Failure {
  readonly direction: Direction;
  readonly why: string;
  /** The smallest input that was found to fail. */
  readonly input: unknown;
  /** Runs that input again. */
  readonly replay: string;
}

/** What the fuzzer found; the keys are a contract. */
interface Report {
  seed: number;
  seconds: number;
  /** Connections that were made, one for each case. */
  cases: number;
  requests: number;
  answers: number;
  served: number;
  refused: number;
  failures: Failure[];
}

const SHRINK_SECONDS = 30;
const ENDED_WITHIN_MS = 20;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    direction: { type: 'string' },
    path: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 0x7fff_ffff));
const seconds = Number(values.seconds);
const faults = [
  ...(Number.isInteger(seed) ? [] : [`--seed ${values.seed}: has to be a whole number`]),
  ...(seconds > 0 ? [] : [`--seconds ${values.seconds}: has to be a number above 0`]),
  ...(values.direction === undefined || (DIRECTIONS as readonly string[]).includes(values.direction)
    ? []
    : [`--direction ${values.direction}: there are ${DIRECTIONS.join(', ')}`]),
  ...(values.path === undefined || values.direction !== undefined ? [] : ['--path needs --direction']),
];
if (values.help === true) {
  process.stdout.write(HELP);
} else if (faults.length > 0) {
  process.stderr.write(`fuzz:proxy cannot start:\n${faults.map((fault) => `  ${fault}\n`).join('')}`);
  process.exitCode = 1;
} else {
  await main();
}

async function main(): Promise<void> {
  process.stderr.write(`seed ${seed}\n`);
  const report: Report = { seed, seconds: 0, cases: 0, requests: 0, answers: 0, served: 0, refused: 0, failures: [] };
  const startedAt = performance.now();
  const upstream = await startFuzzUpstream();
  const processes = await createProcesses();
  const stop = () => void processes.endAll().then(() => process.exit(1));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    let proxy = await processes.proxy({ monolith: upstream.url, catalog: upstream.url });
    const chosen = DIRECTIONS.filter((name) => values.direction === undefined || values.direction === name);
    for (const direction of chosen) {
      const run = async <Input>(check: (input: Input, scene: Scene) => Promise<void>, input: Input) => {
        if (!proxy.isAlive()) proxy = await processes.proxy({ monolith: upstream.url, catalog: upstream.url });
        const scene: Scene = { port: proxy.port, upstream, tally: report };
        report.cases++;
        if (report.cases % 1_000 === 0) process.stderr.write(`${report.cases} cases\n`);
        await check(input, scene).catch(async (error: Error) => {
          throw (await hasEnded(proxy)) ? new Error(`the proxy ended: ${error.message}`, { cause: error }) : error;
        });
      };
      const failure =
        direction === 'requests'
          ? await search(direction, clientBytes, (input) => run(checkRequests, input), seconds / chosen.length)
          : await search(direction, upstreamBytes, (input) => run(checkAnswers, input), seconds / chosen.length);
      if (failure !== undefined) report.failures.push(failure);
    }
  } finally {
    await processes.endAll();
    await upstream.close();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  report.seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : summary(report));
  process.exitCode = report.failures.length === 0 ? 0 : 2;
}

/** Looks for an input that fails, until the time is over; makes it as small as it can, and says how to run it again. */
async function search<Input>(
  direction: Direction,
  inputs: fc.Arbitrary<Input>,
  check: (input: Input) => Promise<void>,
  withinSeconds: number,
): Promise<Failure | undefined> {
  const property = fc.asyncProperty(inputs, check);
  const again = values.path === undefined ? {} : { path: values.path };
  const found = await fc.check(property, {
    seed,
    ...again,
    numRuns: Number.MAX_SAFE_INTEGER,
    maxSkipsPerRun: 0,
    interruptAfterTimeLimit: withinSeconds * 1_000,
    // The time for searching is no time for shrinking.
    endOnFailure: true,
  });
  if (!found.failed || found.counterexamplePath === null) return undefined;
  process.stderr.write(`FAILED ${direction}, path ${found.counterexamplePath}; making it smaller\n`);
  const smaller = await fc.check(property, {
    seed,
    path: found.counterexamplePath,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: SHRINK_SECONDS * 1_000,
  });
  const { counterexample, counterexamplePath, errorInstance } = smaller.counterexample === null ? found : smaller;
  const error = errorInstance as Error | null;
  return {
    direction,
    why: error?.message ?? 'it failed once, and not again',
    input: counterexample?.[0],
    replay: `npm run fuzz:proxy -- --seed ${seed} --direction ${direction} --path ${counterexamplePath}`,
  };
}

/** The end of a process is heard of a little later than that of its connections. */
async function hasEnded({ child, isAlive }: DrillProcess): Promise<boolean> {
  if (isAlive()) await once(child, 'exit', { signal: AbortSignal.timeout(ENDED_WITHIN_MS) }).catch(() => {});
  return !isAlive();
}

function summary({ seed, seconds, cases, requests, answers, served, refused, failures }: Report): string {
  const lines = [
    `${cases} cases in ${seconds} s from seed ${seed}`,
    `requests of clients: ${requests}; answers of upstreams: ${answers}; served: ${served}; refused: ${refused}`,
    `failures: ${failures.length}`,
  ];
  for (const { direction, why, input, replay } of failures) {
    lines.push('', `${direction}: ${why}`, `input: ${JSON.stringify(input)}`, `again: ${replay}`);
  }
  return `${lines.join('\n')}\n`;
}
