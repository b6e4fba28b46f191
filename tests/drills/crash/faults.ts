import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../support/random.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import type { CdcProcess } from './cdc-process.ts';
import { type DrillServers, type DrillStores, withSession } from './stores.ts';

/** What a fault may break. */
export interface Victims {
  readonly cdc: CdcProcess;
  readonly stores: DrillStores;
  readonly servers: DrillServers;
  /** The networks between cdc and its two databases. */
  readonly networks: readonly TcpProxy[];
  readonly random: Random;
}

type Fault = (victims: Victims) => Promise<void>;

/** Places at which the process kills itself while it streams, and how often it passes them first, at most. */
const FAILPOINTS = { capture: 20, commit: 12, committed: 12, acknowledged: 12 } as const;

/** How long a process may take to a failpoint that it may never reach. */
const FAILPOINT_WITHIN_MS = 4_000;

const kill: Fault = async ({ cdc, random }) => {
  await sleep(random.below(400));
  await cdc.kill();
};

const failpoint: Fault = async ({ cdc, random }) => {
  const place = random.pick(Object.keys(FAILPOINTS) as (keyof typeof FAILPOINTS)[]);
  const passes = 1 + random.below(FAILPOINTS[place]);
  await cdc.kill();
  cdc.start(`${place}:${passes}`);
  if (!(await cdc.endedWithin(FAILPOINT_WITHIN_MS))) await cdc.kill();
};

const terminate = (side: 'sourceUrl' | 'targetUrl'): Fault => {
  return async ({ stores }) => {
    await withSession(stores[side], (client) =>
      client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [stores.slot]),
    );
  };
};

const cut: Fault = async ({ networks, random }) => {
  random.pick(networks).cut();
};

const slow: Fault = async ({ networks, random }) => {
  const network = random.pick(networks);
  const thenCut = random.chance(0.5);
  network.freeze();
  await sleep(50 + random.below(700));
  if (thenCut) network.cut();
  network.thaw();
};

const restartSource: Fault = async ({ servers, random }) => {
  await servers.source.restart(random.pick(['fast', 'immediate']));
};

const killWorker: Fault = async ({ servers }) => {
  await servers.kafka?.worker.kill();
  await servers.kafka?.worker.start();
};

const freezeBroker: Fault = async ({ servers, random }) => {
  servers.kafka?.broker.signal('SIGSTOP');
  await sleep(500 + random.below(2_000));
  servers.kafka?.broker.signal('SIGCONT');
};

/** By how often they are drawn. */
const FAULTS: readonly Fault[] = [
  ...[kill, kill, failpoint, failpoint, failpoint],
  ...[terminate('sourceUrl'), terminate('targetUrl'), cut, cut, slow, slow, restartSource],
];

/** The first start of a run: the initial load, with or without a sudden end. */
async function begin({ cdc, random }: Victims): Promise<void> {
  const end = random.pick(['load', 'loaded', 'kill', 'none'] as const);
  if (end === 'load' || end === 'loaded') {
    cdc.start(end === 'load' ? `load:${1 + random.below(3)}` : end);
    if (!(await cdc.endedWithin(FAILPOINT_WITHIN_MS * 3))) await cdc.kill();
  }
  if (end === 'kill') {
    cdc.start();
    await sleep(300 + random.below(500));
    await cdc.kill();
  }
}

/** Breaks things until it has broken enough; the process runs when it is done. */
export async function breakThings(victims: Victims): Promise<void> {
  const { cdc, random } = victims;
  await begin(victims);
  const ofEngine = victims.servers.kafka ? [killWorker, freezeBroker] : [];
  const faults = [
    failpoint,
    kill,
    ...ofEngine,
    ...Array.from({ length: 2 + random.below(3) }, () => random.pick(FAULTS)),
  ];
  for (const fault of faults) {
    cdc.start();
    await sleep(random.below(300));
    await fault(victims);
  }
  cdc.start();
}
