/**
 * `npm run drill:proxy`: hostile and broken HTTP, dying upstreams, the flag server lost, on real processes, while people
 * use the monolith. docs/how-to/keep-a-failing-service-harmless.md says how to read it.
 */
import { parseArgs } from 'node:util';
import { DRILL, type DrillGroup, GROUPS, type Scene, ShoppersFailed } from './proxy/cases.ts';
import { createProcesses, type Processes } from './proxy/processes.ts';
import { startShoppers } from './proxy/shoppers.ts';

const HELP = `npm run drill:proxy -- [options]

Sends what clients and upstreams should not send, kills and freezes services and the flag server, and counts what it
does to people who use the monolith. Needs nothing that runs; takes a minute or two.

  --json            Print one JSON object on stdout
  --group <names>   Only these, with commas: ${GROUPS.join(', ')}
  --help            Print this

Exit status: 0 nothing failed, 1 the drill itself failed, 2 something did not hold.
`;

/** What the drill found; the keys are a contract. */
interface Report {
  cases: number;
  failed_cases: { name: string; why: string }[];
  /** Requests that upstreams received and nobody was entitled to send. */
  smuggled: number;
  requests_of_monolith_users: number;
  failed_requests_of_monolith_users: number;
  /** Writes that an upstream received more than once. */
  doubled_writes: number;
  /** Writes that were answered well and that no upstream received. */
  lost_writes: number;
  seconds: number;
}

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, group: { type: 'string' }, help: { type: 'boolean' } },
});
const wanted = values.group?.split(',') ?? GROUPS;
const unknown = wanted.filter((name) => !(GROUPS as readonly string[]).includes(name));
if (values.help === true) {
  process.stdout.write(HELP);
} else if (unknown.length > 0) {
  process.stderr.write(`There is no group ${unknown.join(', ')}; there are ${GROUPS.join(', ')}\n`);
  process.exitCode = 1;
} else {
  await main(DRILL.filter(({ name }) => wanted.includes(name)));
}

async function main(groups: readonly DrillGroup[]): Promise<void> {
  const startedAt = performance.now();
  const report: Report = {
    cases: 0,
    failed_cases: [],
    smuggled: 0,
    requests_of_monolith_users: 0,
    failed_requests_of_monolith_users: 0,
    doubled_writes: 0,
    lost_writes: 0,
    seconds: 0,
  };
  const processes = await createProcesses();
  const stop = () => void processes.endAll().then(() => process.exit(1));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const total = groups.reduce((sum, { cases }) => sum + cases.length, 0);
    for (const group of groups) await runGroup(group, processes, report, total);
  } finally {
    await processes.endAll();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  report.seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : summary(report));
  const { failed_cases, smuggled, failed_requests_of_monolith_users, doubled_writes, lost_writes } = report;
  const wanting = failed_cases.length + smuggled + failed_requests_of_monolith_users + doubled_writes + lost_writes;
  process.exitCode = wanting === 0 ? 0 : 2;
}

async function runGroup(group: DrillGroup, processes: Processes, report: Report, total: number): Promise<void> {
  const [monolith, catalog] = [await processes.upstream('monolith'), await processes.upstream('catalog')];
  const flags = await processes.flagServer();
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, flags: flags.url });
  const shoppers = startShoppers(proxy.url);
  const scene: Scene = { processes, monolith, catalog, flags, proxy };
  for (const { name, run } of group.cases) {
    const failedBefore = shoppers.failedCount;
    const why = await run(scene).then(
      () => undefined,
      (error: unknown) => error,
    );
    report.cases++;
    const faults: string[] = [];
    if (why !== undefined) faults.push((why as Error).message);
    if (why instanceof ShoppersFailed) report.failed_requests_of_monolith_users += why.count;
    if (shoppers.failedCount > failedBefore) faults.push(new ShoppersFailed(shoppers, failedBefore).message);
    if (!proxy.isAlive()) faults.push('the proxy ended');
    if (faults.length > 0) report.failed_cases.push({ name, why: faults.join('; ') });
    process.stderr.write(`${report.cases}/${total} ${faults.length === 0 ? 'held  ' : 'FAILED'} ${name}\n`);
    for (const fault of faults) process.stderr.write(`    ${fault}\n`);
    if (!proxy.isAlive()) break;
  }
  await shoppers.stop();
  report.requests_of_monolith_users += shoppers.requests;
  report.failed_requests_of_monolith_users += shoppers.failedCount;
  const received = [...monolith.received, ...catalog.received];
  report.smuggled += received.filter(({ target }) => target.startsWith('/smuggled')).length;
  const times = new Map<string, number>();
  for (const { method, target, body } of received) {
    if (method === 'POST' && target === '/items') times.set(body, (times.get(body) ?? 0) + 1);
  }
  report.doubled_writes += [...times.values()].filter((count) => count > 1).length;
  report.lost_writes += shoppers.written.filter((id) => !times.has(id)).length;
  await Promise.all([proxy, monolith, catalog, flags].map((part) => part.kill()));
}

function summary(report: Report): string {
  const { cases, failed_cases, seconds } = report;
  return [
    `${cases - failed_cases.length} of ${cases} cases held, in ${seconds} s`,
    `requests smuggled: ${report.smuggled}`,
    `failed requests of the monolith's users: ${report.failed_requests_of_monolith_users} of ${report.requests_of_monolith_users}`,
    `writes doubled: ${report.doubled_writes}, lost: ${report.lost_writes}`,
    '',
  ].join('\n');
}
