import * as z from 'zod';
import { ConnectionLost, describeError, StreamStop } from '../../errors.ts';
import { parseLossless } from './message.ts';

/** How a connector is, as Kafka Connect says. */
export interface ConnectorStatus {
  /** Of the connector, then of its only task; undefined while that has none. */
  readonly state: string;
  readonly task: string | undefined;
  /** Why the task, or the connector, has failed. */
  readonly trace: string | undefined;
}

/** The REST API of Kafka Connect, as far as one connector needs it. */
export interface ConnectRest {
  /** The version of Debezium's connector for PostgreSQL; undefined when it is not installed. */
  pluginVersion(): Promise<string | undefined>;
  /** Undefined when there is no such connector. */
  settings(name: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** Undefined when there is no such connector, or nothing is known of it yet. */
  status(name: string): Promise<ConnectorStatus | undefined>;
  /** Creates the connector, or changes it. */
  put(name: string, settings: Readonly<Record<string, string>>): Promise<void>;
  /** Starts what has failed once more. */
  restart(name: string): Promise<void>;
  /** The position in the source's log up to which the connector has handed everything over; undefined before the first. */
  handedOver(name: string): Promise<bigint | undefined>;
  /** Ends the connector; its offsets stay. No error when there is none. */
  delete(name: string): Promise<void>;
}

const ANSWER_WITHIN_MS = 10_000;
/** Connect answers so while its workers agree on who does what. */
const REBALANCING = 409;
const REBALANCED_WITHIN_MS = 20_000;

const STATUS = z.object({
  connector: z.object({ state: z.string(), trace: z.string().optional() }),
  tasks: z.array(z.object({ state: z.string(), trace: z.string().optional() })),
});
const LSN = z.union([z.number(), z.bigint()]).optional();
const OFFSETS = z.object({
  offsets: z.array(z.object({ offset: z.object({ lsn: LSN, lsn_proc: LSN, lsn_commit: LSN }) })),
});
const PLUGINS = z.array(z.object({ class: z.string(), version: z.string().optional() }));
const SETTINGS = z.record(z.string(), z.string());

/** @throws of each call: {@link ConnectionLost} when Connect is out of reach, {StreamStop} `connector-failed` when it refuses. */
export function connectRest(baseUrl: string): ConnectRest {
  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const deadline = Date.now() + REBALANCED_WITHIN_MS;
    for (;;) {
      const response = await fetch(new URL(path, `${baseUrl.replace(/\/$/, '')}/`), {
        method,
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((cause) => {
        const why = describeError((cause as Error).cause ?? cause);
        throw new ConnectionLost(`Kafka Connect (${baseUrl}): ${why}`, { cause });
      });
      if (response.status !== REBALANCING || Date.now() > deadline) return response;
      await response.body?.cancel();
      await new Promise((wake) => setTimeout(wake, 250));
    }
  };
  const expectOk = async (response: Response, what: string) => {
    if (response.ok) return;
    const text = (await response.text()).slice(0, 2_000);
    // A worker that is starting knows no path yet.
    if (response.status >= 500 || response.status === REBALANCING || response.status === 404) {
      throw new ConnectionLost(`Kafka Connect (${baseUrl}): ${what}: ${response.status} ${text}`);
    }
    throw new StreamStop(
      'connector-failed',
      `Kafka Connect refuses ${what}: ${response.status} ${text}`,
      'Mend what it says; the stream goes on by itself.',
    );
  };
  const find = async (path: string, what: string): Promise<unknown> => {
    const response = await call('GET', path);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    await expectOk(response, what);
    return response.json();
  };
  const at = (name: string, rest = '') => `connectors/${encodeURIComponent(name)}${rest}`;

  return {
    async pluginVersion() {
      const plugins = PLUGINS.parse(await find('connector-plugins', 'its list of plugins'));
      return plugins.find((plugin) => plugin.class.endsWith('.postgresql.PostgresConnector'))?.version;
    },
    async settings(name) {
      const found = await find(at(name, '/config'), `the settings of ${name}`);
      return found === undefined ? undefined : SETTINGS.parse(found);
    },
    async status(name) {
      const found = await find(at(name, '/status'), `the status of ${name}`);
      if (found === undefined) return undefined;
      const { connector, tasks } = STATUS.parse(found);
      return { state: connector.state, task: tasks[0]?.state, trace: tasks[0]?.trace ?? connector.trace };
    },
    async put(name, settings) {
      await expectOk(await call('PUT', at(name, '/config'), settings), `the settings of ${name}`);
    },
    async restart(name) {
      await expectOk(await call('POST', at(name, '/restart?includeTasks=true&onlyFailed=true')), `restarting ${name}`);
    },
    async handedOver(name) {
      const response = await call('GET', at(name, '/offsets'));
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      await expectOk(response, `the offsets of ${name}`);
      // Positions are numbers of 64 bits.
      const { offsets } = OFFSETS.parse(parseLossless(await response.text()));
      const known = offsets.flatMap(({ offset }) => [offset.lsn, offset.lsn_proc, offset.lsn_commit]);
      const positions = known.filter((each) => each !== undefined).map(BigInt);
      return positions.length === 0 ? undefined : positions.reduce((most, each) => (each > most ? each : most));
    },
    async delete(name) {
      const response = await call('DELETE', at(name));
      if (response.status === 404) await response.body?.cancel();
      else await expectOk(response, `deleting ${name}`);
    },
  };
}
