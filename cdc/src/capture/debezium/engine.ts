import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LogIdentity, readStreamRow, type StreamRow, storeLog } from '../../apply/ledger.ts';
import type { EngineSettings } from '../../config.ts';
import { withConnection } from '../../database/connect.ts';
import type { StreamCourse } from '../../direction.ts';
import { ConnectionLost, describeError, StreamStop } from '../../errors.ts';
import { formatLsn, type Lsn } from '../../position.ts';
import { uniqueTables } from '../../refuse.ts';
import { verifyContinuity } from '../embedded/continuity.ts';
import { echoOf } from '../embedded/engine.ts';
import { AFRESH } from '../embedded/slot.ts';
import type { CaptureEngine, CaptureSession, EngineFinding, EngineSession } from '../engine.ts';
import { type ConnectRest, connectRest } from './connect-rest.ts';
import { connectorSettings, topicSettings } from './connector-settings.ts';
import { ensureRunning } from './connector-state.ts';
import { openKafkaLog } from './kafkajs-log.ts';
import type { LogClient } from './log-reader.ts';
import { describeSource, examineSource, type SourceTable, typesOf } from './source-tables.ts';
import { followTopic } from './topic-capture.ts';
import { verifyTopic } from './topic-state.ts';

/** Where Kafka and Kafka Connect are. */
export type DebeziumOptions = Extract<EngineSettings, { readonly name: 'debezium' }>;

/** Debezium on Kafka Connect writes a topic, and we read it. Slot, publication, load and position are as they are embedded. */
export function debeziumEngine(options: DebeziumOptions): CaptureEngine {
  const rest = connectRest(options.connectUrl);
  return {
    name: 'debezium',
    // A connector that was started again hands nothing over until it has seen a commit.
    heartbeat: 'transactional',
    open: (session) => openSession(session, options, rest),
    examine: (course) => examine(course, options, rest),
    async giveUp(name, target) {
      const row = await readStreamRow(target, name);
      if (!row) return;
      await rest.delete(row.slot);
      if (!row.log) return;
      const kafka = openKafkaLog(options.brokers, row.slot);
      try {
        if (await kafka.describeTopic(row.log.topic)) await kafka.deleteTopic(row.log.topic);
      } finally {
        await kafka.close();
      }
    },
  };
}

/** Looks at what the engine needs beside the two databases. */
async function examine(course: StreamCourse, options: DebeziumOptions, rest: ConnectRest): Promise<EngineFinding[]> {
  const look = async (name: string, mend: string, work: () => Promise<Omit<EngineFinding, 'name'>>) => {
    try {
      return { name, ...(await work()) };
    } catch (error) {
      return { name, outcome: 'wanting' as const, found: describeError(error), mend };
    }
  };
  const kafka = openKafkaLog(options.brokers, `${course.slot}_doctor`);
  const { slot, mappings } = course;
  try {
    return [
      await look('kafka', 'Start a broker, or correct KAFKA_BROKERS.', async () => ({
        ...{ outcome: 'ok', found: `${await kafka.brokers()} broker(s) at ${options.brokers.join(', ')}`, mend: null },
      })),
      await look('connect', 'Start Kafka Connect, or correct CONNECT_URL.', async () => {
        const version = await rest.pluginVersion();
        if (version?.startsWith('3.')) return { outcome: 'ok', found: `Debezium ${version}`, mend: null };
        const found = version ? `Debezium ${version}` : "Debezium's connector for PostgreSQL is not installed";
        return { outcome: 'wanting', found, mend: 'Install debezium-connector-postgres 3.6.1 under its plugin.path.' };
      }),
      await look('connector', 'Look at Kafka Connect.', async () => {
        const status = await rest.status(slot);
        if (!status)
          return { outcome: 'ok', found: `${slot} does not exist yet; the first run creates it`, mend: null };
        const found = `${slot} is ${status.state}, its task ${status.task ?? 'not there'}`;
        if (status.state === 'RUNNING' && status.task === 'RUNNING') return { outcome: 'ok', found, mend: null };
        const why = status.trace?.split('\n')[0]?.slice(0, 500);
        const mend = why ? `Mend this; "cdc run" starts it again: ${why}` : `PUT /connectors/${slot}/resume`;
        return { outcome: 'wanting', found, mend };
      }),
      ...(await withConnection(course.sourceUrl, `${slot}_doctor`, (client) => examineSource(client, mappings)).then(
        (faults) =>
          faults.map(({ what, mend }) => ({ name: 'column', outcome: 'wanting' as const, found: what, mend })),
        // That the source cannot be reached is said elsewhere.
        () => [],
      )),
    ];
  } finally {
    await kafka.close();
  }
}

/** How long the connector may take to write down its first offset. The worker's offset.flush.interval.ms has to be shorter. */
const KNOWN_WITHIN_MS = 30_000;

function openSession(session: EngineSession, options: DebeziumOptions, rest: ConnectRest): CaptureSession {
  const { course, source, target, epoch, limits, signal, log } = session;
  const { slot, mappings } = course;
  const kafka = openKafkaLog(options.brokers, slot);
  let tables: ReadonlyMap<string, SourceTable> = new Map();

  const settings = (identity: LogIdentity) =>
    connectorSettings({
      sourceUrl: options.seenByConnect.get(course.sourceUrl) ?? course.sourceUrl,
      slot,
      tables: uniqueTables(mappings.map((mapping) => mapping.source)),
      log: identity,
      heartbeatMs: Math.max(limits.heartbeatMs, 1_000),
    });

  /**
   * Debezium proves its slot by a commit that it has seen: before the first one it would silently replace a slot that is gone.
   * So it is given one.
   */
  const untilItKnowsItsSlot = async () => {
    if ((await rest.handedOver(slot)) !== undefined) return;
    await source.query(`SELECT pg_catalog.pg_logical_emit_message(true, 'strangler', 'begin')`);
    const deadline = Date.now() + KNOWN_WITHIN_MS;
    while ((await rest.handedOver(slot)) === undefined) {
      if (Date.now() > deadline) throw new ConnectionLost(`Kafka Connect: ${slot} has written down no offset yet`);
      await sleep(50, undefined, { signal });
    }
  };

  return {
    async prepare() {
      // Refused before anything is loaded.
      await describeSource(source, mappings);
      await rest.delete(slot);
    },
    async verify(row) {
      tables = await describeSource(source, mappings);
      if (!row.log) {
        // The load has just ended, or the embedded engine has brought the stream here: the slot has all that comes next.
        await verifyContinuity({ client: source, url: course.sourceUrl }, slot, epoch, row.position);
        return adopt(row, kafka, typesOf(tables), (identity) => storeLog(target, course.name, identity));
      }
      const from = { client: source, url: course.sourceUrl };
      const { slot: state } = await verifyContinuity(from, slot, epoch, row.position, 'a log between');
      await refuseMovedSlot(rest, slot, state.confirmed);
      refuseOtherTypes(row.log, tables, slot);
      await verifyTopic(kafka, row.log.topic, row.position.nextOffset ?? 0n, slot);
      return row;
    },
    async follow(row) {
      const identity = row.log!;
      await ensureRunning(rest, slot, settings(identity), signal);
      await untilItKnowsItsSlot();
      log.debug({ topic: identity.topic, from: String(row.position.nextOffset) }, 'the connector runs');
      return followTopic({
        ...{ kafka, rest, source, tables, identity, slot, limits, signal, log },
        position: row.position,
        echo: echoOf(course),
        refuseOtherTypes: (found) => refuseOtherTypes(identity, found, slot),
        describe: () => describeSource(source, mappings),
      });
    },
    end: () => kafka.close(),
  };
}

/** Gives the stream a log of its own. It is written down before anything is in it. */
async function adopt(
  row: StreamRow,
  kafka: LogClient,
  types: LogIdentity['types'],
  store: (identity: LogIdentity) => Promise<void>,
): Promise<StreamRow> {
  const identity: LogIdentity = {
    topic: `${row.slot}.${randomBytes(4).toString('hex')}`,
    placeholder: `strangler:${randomBytes(16).toString('hex')}`,
    types,
  };
  const created = await kafka.createTopic(identity.topic, topicSettings(await kafka.brokers()));
  if (!created) throw new ConnectionLost(`Kafka: the topic ${identity.topic} exists`);
  await store(identity);
  return { ...row, log: identity, position: { ...row.position, nextOffset: 0n } };
}

/**
 * The connector confirms to the source what it has written down as its offset. A slot that is confirmed beyond was moved on
 * by someone else.
 *
 * @throws {StreamStop} `slot-ahead`.
 */
async function refuseMovedSlot(rest: ConnectRest, slot: string, confirmed: Lsn): Promise<void> {
  const handedOver = await rest.handedOver(slot);
  if (handedOver === undefined || confirmed <= handedOver) return;
  throw new StreamStop(
    'slot-ahead',
    `the replication slot ${slot} was confirmed up to ${formatLsn(confirmed)}, but Debezium has handed over only what came before ${formatLsn(handedOver)}`,
    `Something else reads this slot, or has moved it on. ${AFRESH(slot)}`,
  );
}

/** What waits in the log was written for the types that the columns had. */
function refuseOtherTypes(identity: LogIdentity, tables: ReadonlyMap<string, SourceTable>, slot: string): void {
  const now = typesOf(tables);
  const changed = Object.entries(identity.types).filter(([column, type]) => now[column] && now[column] !== type);
  if (changed.length === 0) return;
  const what = changed.map(([column, type]) => `${column} was ${type} and is ${now[column]}`).join('; ');
  throw new StreamStop(
    'source-changed',
    `columns of the source have other types than when the log began: ${what}. What still waits in it cannot be told apart`,
    `Give the column its type back. ${AFRESH(slot)}`,
  );
}
