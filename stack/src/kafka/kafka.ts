import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../free-port.ts';
import { identify } from '../process-identity.ts';
import { openRegistry, type Registry } from '../registry.ts';
import { fetchArtifacts } from './artifacts.ts';

/** A real broker of Kafka and a real worker of Kafka Connect with Debezium, as processes of ours on loopback. */
export interface Kafka {
  /** `host:port`, as `KAFKA_BROKERS` takes it. */
  readonly brokers: string;
  /** As `CONNECT_URL` takes it. */
  readonly connectUrl: string;
  readonly broker: KafkaProcess;
  readonly worker: KafkaProcess;
  /** Ends both and removes all that they wrote. */
  stop(): Promise<void>;
}

/** One of the two, for those who break it. */
export interface KafkaProcess {
  /** `SIGSTOP` freezes it, `SIGCONT` thaws it; after `SIGKILL` it can be started again. */
  signal(signal: NodeJS.Signals): void;
  /** `kill -9`, and waits for its end. */
  kill(): Promise<void>;
  /** Starts it again, with what it had, and resolves once it answers. */
  start(): Promise<void>;
  /** The end of its log. */
  log(): Promise<string>;
}

/** What 2 cores and little memory bear: several of these run beside the tests. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xms64m', '-Duser.timezone=UTC'];
const READY_WITHIN_MS = 90_000;
const run = promisify(execFile);

/**
 * Starts a broker (KRaft, one node) and then a worker. They end with this process, whatever ends it.
 *
 * @throws Error with the end of its log when one of them does not come up.
 */
export async function startKafka(say: (line: string) => void = () => {}): Promise<Kafka> {
  const artifacts = await fetchArtifacts(say);
  const folder = await mkdtemp(join(tmpdir(), 'strangler-kafka-'));
  const registry = openRegistry(join(folder, 'processes.json'));
  const [port, controllerPort, connectPort] = [await freePort(), await freePort(), await freePort()];
  const brokers = `127.0.0.1:${port}`;
  const connectUrl = `http://127.0.0.1:${connectPort}`;
  const classPath = `${join(artifacts.jars, '*')}`;
  const java = (memory: string, main: string, ...args: string[]) => [
    ...[...JVM, memory, `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`],
    ...['-cp', classPath, main, ...args],
  ];
  const stopAll: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stopAll.reverse()) await each();
    await registry.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await mkdir(join(folder, 'plugins'));
    await run('tar', ['-xzf', artifacts.pluginArchive, '-C', join(folder, 'plugins')]);
    await writeFile(join(folder, 'log4j2.properties'), LOGGING);
    const server = join(folder, 'server.properties');
    await writeFile(server, properties(brokerSettings(folder, port, controllerPort)));
    await run('java', java('-Xmx128m', 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', server));
    const broker = managed({ name: 'kafka', folder, registry, args: java('-Xmx320m', 'kafka.Kafka', server) }, () =>
      accepts(port),
    );
    stopAll.push(broker.stop);
    await broker.start();
    say(`Kafka on ${brokers}`);
    const connectFile = join(folder, 'connect.properties');
    await writeFile(connectFile, properties(workerSettings(folder, brokers, connectUrl)));
    const worker = managed(
      {
        ...{ name: 'connect', folder, registry },
        args: java('-Xmx512m', 'org.apache.kafka.connect.cli.ConnectDistributed', connectFile),
      },
      () => answers(`${connectUrl}/connectors`),
    );
    stopAll.push(worker.stop);
    await worker.start();
    say(`Kafka Connect with Debezium on ${connectUrl}`);
    return { brokers, connectUrl, broker, worker, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function brokerSettings(folder: string, port: number, controllerPort: number): Readonly<Record<string, string>> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  };
}

/** The same as docker-compose.yml sets, so that what is tested here is what runs there. */
function workerSettings(folder: string, brokers: string, connectUrl: string): Readonly<Record<string, string>> {
  return {
    'bootstrap.servers': brokers,
    'group.id': 'strangler-connect',
    'config.storage.topic': 'strangler-connect-configs',
    'offset.storage.topic': 'strangler-connect-offsets',
    'offset.storage.partitions': '1',
    'status.storage.topic': 'strangler-connect-status',
    'status.storage.partitions': '1',
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'offset.flush.interval.ms': '100',
    'scheduled.rebalance.max.delay.ms': '0',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'plugin.path': join(folder, 'plugins'),
    'plugin.discovery': 'service_load',
    listeners: connectUrl,
    'rest.advertised.host.name': '127.0.0.1',
  };
}

const LOGGING = `rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
logger.debezium.name = io.debezium
logger.debezium.level = info
`;

interface Managed {
  readonly name: string;
  readonly folder: string;
  readonly registry: Registry;
  readonly args: readonly string[];
}

/** A Java process that is known to the reaper, and is ready once `ready` says so. */
function managed(
  { name, folder, registry, args }: Managed,
  ready: () => Promise<boolean>,
): KafkaProcess & { stop(): Promise<void> } {
  let child: ChildProcess | undefined;
  const logFile = join(folder, `${name}.log`);
  const log = async () => (await readFile(logFile, 'utf8').catch(() => '')).slice(-8_000);
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals, withinMs: number) => {
    if (!child || !running()) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    const late = setTimeout(() => child!.kill('SIGKILL'), withinMs);
    await ended;
    clearTimeout(late);
    if (child.pid !== undefined) registry.remove(child.pid);
  };
  return {
    log,
    signal: (signal) => void child?.kill(signal),
    kill: () => end('SIGKILL', 10_000),
    stop: () => end('SIGTERM', 5_000),
    async start() {
      const output = openSync(logFile, 'a');
      // A process group of its own: a Ctrl-C at the terminal is for us to answer.
      child = spawn('java', args, { cwd: folder, stdio: ['ignore', output, output], detached: true });
      closeSync(output);
      child.on('error', () => {});
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (identity) registry.add({ name, ...identity, signal: 'SIGKILL', withinMs: 1_000 });
      const deadline = Date.now() + READY_WITHIN_MS;
      while (!(await ready())) {
        if (!running()) throw new Error(`${name} ended while starting:\n${await log()}`);
        if (Date.now() > deadline)
          throw new Error(`${name} was not ready within ${READY_WITHIN_MS / 1000} s:\n${await log()}`);
        await new Promise((wake) => setTimeout(wake, 100));
      }
    },
  };
}

function properties(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** 16 random bytes in URL-safe base64, as Kafka names its clusters; it must not begin with a dash. */
function clusterId(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').replace(/^-/, 'A');
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}
