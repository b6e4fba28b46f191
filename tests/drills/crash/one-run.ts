import { createRandom } from '../../support/random.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import { createCdcProcess } from './cdc-process.ts';
import { breakThings } from './faults.ts';
import { startReader } from './readers.ts';
import {
  compareStores,
  createStores,
  type DrillServers,
  type DrillStores,
  untilEven,
  WRITERS,
  withSession,
} from './stores.ts';
import { startWriter } from './writers.ts';

/** What one run found. */
export interface RunResult {
  readonly kills: number;
  readonly writes: number;
  readonly lost: number;
  readonly doubled: number;
  readonly backward_reads: number;
  readonly half_transactions: number;
  /** What went wrong; empty when nothing did. */
  readonly faults: readonly string[];
}

/** How long the stream may take to become even once nothing breaks any more. */
const EVEN_WITHIN_MS = 60_000;
const READERS = 2;

/**
 * Eight writers, two readers, one `cdc run` between two databases, and everything breaks. The seed decides what each
 * writer does and what breaks when; how the processes meet, the machine decides.
 */
export async function oneRun(servers: DrillServers, seed: number): Promise<RunResult> {
  const random = createRandom(seed);
  const stores = await createStores(servers, `crash${process.pid}s${seed}`);
  const networks = [await startTcpProxy(servers.source.port), await startTcpProxy(servers.target.port)];
  const through = (url: string, network: number) => {
    const changed = new URL(url);
    changed.port = String(networks[network]!.port);
    return changed.href;
  };
  const cdc = createCdcProcess(
    stores.name,
    through(stores.sourceUrl, 0),
    through(stores.targetUrl, 1),
    engineOf(servers),
  );
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    startWriter(stores.sourceUrl, index + 1, random.fork()),
  );
  const readers = Array.from({ length: READERS }, () => startReader(stores.targetUrl));
  const faults: string[] = [];
  try {
    await breakThings({ cdc, stores, servers, networks, random: random.fork() });
    const writes = (await Promise.all(writers.map((writer) => writer.stop()))).reduce((sum, each) => sum + each, 0);
    await untilEven(stores, servers.kafka ? 2 * EVEN_WITHIN_MS : EVEN_WITHIN_MS).catch((error: Error) =>
      faults.push(`${error.message}: ${cdc.output().slice(-2_000)}`),
    );
    const seen = await Promise.all(readers.map((reader) => reader.stop()));
    const status = await cdc.stop();
    if (status !== 0) faults.push(`SIGTERM ended cdc with ${status}: ${cdc.output().slice(-2_000)}`);
    faults.push(...cdc.gaveUp());
    const { lost, doubled, examples } = await compareStores(stores);
    faults.push(...examples, ...seen.flatMap((each) => each.examples));
    const sum = (key: 'backward' | 'halves') => seen.reduce((total, each) => total + each[key], 0);
    return {
      ...{ kills: cdc.kills(), writes, lost, doubled },
      ...{ backward_reads: sum('backward'), half_transactions: sum('halves'), faults },
    };
  } finally {
    await cdc.kill();
    await Promise.allSettled([...writers, ...readers].map((each) => each.stop()));
    await endConnector(servers, stores);
    for (const network of networks) await network.close();
    await stores.drop();
  }
}

function engineOf({ kafka }: DrillServers): NodeJS.ProcessEnv {
  if (!kafka) return {};
  return { STRANGLER_CDC_ENGINE: 'debezium', KAFKA_BROKERS: kafka.brokers, CONNECT_URL: kafka.connectUrl };
}

/** A connector outlives the process that registered it, and holds its slot. */
async function endConnector({ kafka }: DrillServers, { slot, sourceUrl }: DrillStores): Promise<void> {
  if (!kafka) return;
  await fetch(`${kafka.connectUrl}/connectors/${slot}`, { method: 'DELETE' });
  await withSession(sourceUrl, (client) =>
    until(
      async () => {
        const active = 'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active';
        return (await client.query(active, [slot])).rowCount;
      },
      (active) => active === 0,
      { withinMs: 30_000 },
    ),
  );
}
