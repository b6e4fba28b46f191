/** `npm run bench:proxy`: our proxy against others in the same run, taking turns. Prints the report of the commands' contract. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { freePort } from '@strangler/stack/free-port';
import {
  type Contestant,
  contestants,
  ENGINE,
  HPM,
  NAIVE,
  NGINX,
  OURS,
  ours,
  type Surroundings,
  steps,
} from './contestants.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import {
  cpuMicroseconds,
  LOAD_CPU,
  onCpu,
  pinned,
  type Running,
  residentMebibytes,
  startProgram,
} from './processes.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    gigabytes: { type: 'string', default: '10' },
    steps: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(
    'npm run bench:proxy -- [--json] [--seconds N] [--rounds N] [--gigabytes N] [--steps]\n' +
      '  --seconds    of each measurement (4)\n  --rounds     of each contestant (3)\n' +
      '  --gigabytes  streamed through for the memory figure (10)\n' +
      '  --steps      only where the time of one request goes: our proxy, feature by feature\n',
  );
  process.exit(0);
}
const seconds = positive('--seconds', values.seconds);
const rounds = positive('--rounds', values.rounds);
const gigabytes = positive('--gigabytes', values.gigabytes);

const KEEP_ALIVE = { method: 'GET', path: '/api/products/7', bodyBytes: 0, connections: 64, keepAlive: true } as const;
const SCENARIOS: Readonly<Record<string, Omit<LoadOptions, 'port' | 'seconds'>>> = {
  'GET 100 KB': { ...KEEP_ALIVE, path: '/100k', connections: 16 },
  'POST 10 KB': { ...KEEP_ALIVE, method: 'POST', path: '/api/admin/products', bodyBytes: 10_240 },
  'GET 1 KB, a connection each': { ...KEEP_ALIVE, keepAlive: false, connections: 16 },
};
const MAIN = 'GET 1 KB';

interface Figures {
  readonly requests_per_second: number;
  readonly cpu_us_per_request: number | null;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** What each contestant did in each round. */
type Rounds = ReadonlyMap<string, readonly Figures[]>;

const notes: string[] = [];
const started: Running[] = [];
const folder = await mkdtemp(join(tmpdir(), 'strangler-bench-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}
try {
  if (values.steps) {
    const costs = await measureSteps();
    if (values.json) process.stdout.write(`${JSON.stringify({ steps: costs, notes })}\n`);
    else printSteps(costs);
  } else {
    const report = await measure();
    if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else print(report);
  }
} finally {
  await cleanUp();
}

async function cleanUp(): Promise<void> {
  await Promise.all(started.map((running) => running.stop()));
  await rm(folder, { recursive: true, force: true });
}

async function measure() {
  if (!pinned) notes.push('processes could not be kept to a processor each: throughput and latency say little');
  const around = await surroundings();
  const all = contestants(around);
  if (!all.some(({ name }) => name === NGINX)) notes.push('cpu_ratio_to_nginx: nginx is not installed');

  const scenarios: Record<string, Record<string, Figures>> = {};
  const main = await compete(all, MAIN, KEEP_ALIVE);
  scenarios[MAIN] = summaries(main);
  for (const [name, scenario] of Object.entries(SCENARIOS))
    scenarios[name] = summaries(await compete(all, name, scenario));
  const ratio = (key: 'requests_per_second' | 'cpu_us_per_request', over: string, under: string) =>
    middleRatio(main.get(over), main.get(under), key);
  return {
    throughput_ratio_to_hpm: ratio('requests_per_second', OURS, HPM),
    throughput_ratio_to_naive_hpm: ratio('requests_per_second', OURS, NAIVE),
    cpu_ratio_to_hpm: ratio('cpu_us_per_request', OURS, HPM),
    cpu_ratio_to_nginx: ratio('cpu_us_per_request', OURS, NGINX),
    features_cost_ratio: ratio('cpu_us_per_request', OURS, ENGINE),
    shadow_p99_ratio: await shadowRatio(around),
    memory_growth_mib: await memoryGrowth(around),
    peers: Object.entries(scenarios[MAIN]).map(([name, figures]) => ({ name, ...figures })),
    scenarios,
    notes,
  };
}

/** What each feature adds to one request, in microseconds of processor time. */
async function measureSteps(): Promise<{ name: string; cpu_us_per_request: number | null }[]> {
  const figures = summaries(await compete(steps(await surroundings()), MAIN, KEEP_ALIVE));
  return Object.entries(figures).map(([name, { cpu_us_per_request }]) => ({ name, cpu_us_per_request }));
}

function printSteps(costs: Awaited<ReturnType<typeof measureSteps>>): void {
  process.stdout.write(`\n${'CPU us'.padStart(8)}${'more'.padStart(8)}\n`);
  for (const [index, { name, cpu_us_per_request: us }] of costs.entries()) {
    const before = costs[index - 1]?.cpu_us_per_request;
    const more = us === null || before === undefined || before === null ? '' : (us - before).toFixed(1);
    process.stdout.write(`${String(us ?? '-').padStart(8)}${more.padStart(8)}  ${name}\n`);
  }
}

async function surroundings(): Promise<Surroundings> {
  const node = (program: string, env: NodeJS.ProcessEnv = {}) => start(LOAD_CPU, program, env);
  const flags = { 'bench.product.serve': 50, 'bench.list.serve': 50 };
  const upstream = await node('./origin.ts');
  const service = await node('./origin.ts');
  const quiet = await node('./flag-server.ts', { FLAGS: JSON.stringify(flags) });
  const shadowing = await node('./flag-server.ts', { FLAGS: JSON.stringify({ 'bench.product.shadow': 100 }) });
  return { upstream, service, flags: quiet, shadowingFlags: shadowing, folder };
}

async function start(cpu: number, program: string, env: NodeJS.ProcessEnv): Promise<string> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const running = await startProgram(cpu, process.execPath, [path], env, await freePort());
  started.push(running);
  return `http://127.0.0.1:${running.port}`;
}

/** Lets each contestant run alone, in turns, so that a slow moment of the machine hits all of them. */
async function compete(
  all: readonly Contestant[],
  scenario: string,
  options: Omit<LoadOptions, 'port' | 'seconds'>,
): Promise<Rounds> {
  const measured = new Map<string, Figures[]>(all.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contestant of all) {
      say(`${scenario}, round ${round} of ${rounds}: ${contestant.name}`);
      measured.get(contestant.name)?.push(await once(contestant, options));
    }
  }
  return measured;
}

async function once(contestant: Contestant, options: Omit<LoadOptions, 'port' | 'seconds'>): Promise<Figures> {
  const running = await contestant.start(await freePort());
  started.push(running);
  try {
    // Compiled code is fast code: the first second is nobody's measure.
    await load({ ...options, port: running.port, seconds: Math.min(2, seconds) });
    const before = cpuMicroseconds(running.pid);
    const result = await load({ ...options, port: running.port, seconds });
    const after = cpuMicroseconds(running.pid);
    if (result.failed > 0) {
      const kind = `${options.method} ${options.path}, ${options.keepAlive ? 'keep-alive' : 'a connection each'}`;
      const failure = `${contestant.name}: ${result.failed} of ${result.requests} requests failed (${kind})`;
      if (contestant.name === OURS || contestant.name === ENGINE) throw new Error(failure);
      notes.push(failure);
    }
    return {
      requests_per_second: Math.round(result.requests / result.seconds),
      cpu_us_per_request: before === null || after === null ? null : round1((after - before) / result.requests),
      p50_ms: result.p50_ms,
      p99_ms: result.p99_ms,
    };
  } finally {
    await running.stop();
  }
}

/** p99 of the primary with everything shadowed over p99 with nothing shadowed, at a rate that leaves the proxy room. */
async function shadowRatio(around: Surroundings): Promise<number | null> {
  const options = { ...KEEP_ALIVE, connections: 32, rate: 1_000 };
  const [without, withShadow] = [ours(around, around.flags), ours(around, around.shadowingFlags)];
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`shadow at 0 % and at 100 %, round ${round} of ${rounds}`);
    const plain = await once(without, options);
    const shadowed = await once(withShadow, options);
    ratios.push(shadowed.p99_ms / plain.p99_ms);
  }
  return round2(middle(ratios));
}

/** How much a proxy's memory grows, in MiB, while a large body streams through it. */
async function memoryGrowth(around: Surroundings): Promise<number | null> {
  const running = await ours(around, around.flags).start(await freePort());
  started.push(running);
  const drain = async (bytes: number) => {
    const answer = await fetch(`http://127.0.0.1:${running.port}/stream?bytes=${bytes}`);
    let seen = 0;
    let peak = residentMebibytes(running.pid) ?? 0;
    let told = Date.now();
    for await (const chunk of answer.body ?? []) {
      seen += chunk.length;
      if (Date.now() - told < 500) continue;
      told = Date.now();
      peak = Math.max(peak, residentMebibytes(running.pid) ?? 0);
      say(`streaming: ${(seen / 2 ** 30).toFixed(1)} of ${(bytes / 2 ** 30).toFixed(1)} GiB`);
    }
    if (seen !== bytes) throw new Error(`${seen} of ${bytes} bytes came through`);
    return peak;
  };
  try {
    if (residentMebibytes(running.pid) === null) {
      notes.push('memory_growth_mib: this system does not say');
      return null;
    }
    // Buffers that every stream needs are there after the first.
    const before = await drain(256 * 2 ** 20);
    return round1(Math.max(0, (await drain(gigabytes * 2 ** 30)) - before));
  } finally {
    await running.stop();
  }
}

async function load(options: LoadOptions): Promise<LoadResult> {
  const program = fileURLToPath(new URL('./load.ts', import.meta.url));
  const call = onCpu(LOAD_CPU, process.execPath, [program, JSON.stringify(options)]);
  // It ends by itself; a proxy that never answers must not keep it.
  const { stdout } = await promisify(execFile)(...call, { timeout: options.seconds * 5_000 + 10_000 });
  return JSON.parse(stdout);
}

function summaries(rounds: Rounds): Record<string, Figures> {
  return Object.fromEntries([...rounds].map(([name, figures]) => [name, summary(figures)]));
}

/** The medians; but of processor time the least, as whatever else the machine does can only add to it. */
function summary(figures: readonly Figures[]): Figures {
  const of = (key: keyof Figures) => figures.map((each) => each[key]).filter((value) => value !== null);
  const costs = of('cpu_us_per_request');
  return {
    requests_per_second: middle(of('requests_per_second')),
    cpu_us_per_request: costs.length === 0 ? null : Math.min(...costs),
    p50_ms: round2(middle(of('p50_ms'))),
    p99_ms: round2(middle(of('p99_ms'))),
  };
}

/** The median over the rounds of what one did for what the other did in the same round; of processor time, of the least. */
function middleRatio(
  over: readonly Figures[] = [],
  under: readonly Figures[] = [],
  key: 'requests_per_second' | 'cpu_us_per_request',
): number | null {
  if (key === 'cpu_us_per_request') return divide(summary(over)[key], summary(under)[key]);
  const ratios = over.map((figures, round) => divide(figures[key], under[round]?.[key]));
  const taken = ratios.filter((ratio) => ratio !== null);
  return taken.length === 0 ? null : round2(middle(taken));
}

function middle(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}

function divide(over: number | null | undefined, under: number | null | undefined): number | null {
  return over && under ? round2(over / under) : null;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  process.stderr.write(`bench:proxy: ${name} has to be a number above 0, not "${text}"\n`);
  process.exit(1);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

function print({ scenarios, peers: _, notes: remarks, ...ratios }: Awaited<ReturnType<typeof measure>>): void {
  for (const [scenario, figures] of Object.entries(scenarios)) {
    process.stdout.write(
      `\n${scenario}\n${'requests/s'.padStart(12)}${'CPU us'.padStart(10)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}\n`,
    );
    for (const [name, each] of Object.entries(figures)) {
      const cells = [each.requests_per_second, each.cpu_us_per_request ?? '-', each.p50_ms, each.p99_ms];
      const widths = [12, 10, 9, 9];
      process.stdout.write(
        `${cells.map((cell, index) => String(cell).padStart(widths[index] ?? 0)).join('')}  ${name}\n`,
      );
    }
  }
  process.stdout.write('\n');
  for (const [name, value] of Object.entries(ratios))
    process.stdout.write(`${name.padEnd(32)}${value ?? 'not taken'}\n`);
  for (const remark of remarks) process.stdout.write(`note: ${remark}\n`);
}
