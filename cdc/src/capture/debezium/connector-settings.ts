import type { TableName } from 'strangler-migrations/define';
import type { LogIdentity } from '../../apply/ledger.ts';
import { MARKER_TABLE } from '../../ownership.ts';
import { tableName } from '../../refuse.ts';

/** What a connector is told of a stream. */
export interface ConnectorOptions {
  /** The source as the worker reaches it. */
  readonly sourceUrl: string;
  /** The name of the slot, and of the publication. */
  readonly slot: string;
  readonly tables: readonly TableName[];
  readonly log: LogIdentity;
  readonly heartbeatMs: number;
}

/** A message may be as large as a row with its large values. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The settings of Debezium's connector. Whatever it says has to arrive as it is, in one order, and nothing of it may be
 * left out: each setting that is not plain is there for that.
 */
export function connectorSettings(options: ConnectorOptions): Readonly<Record<string, string>> {
  const { slot, log } = options;
  const url = new URL(options.sourceUrl);
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'database.hostname': url.hostname,
    'database.port': url.port || '5432',
    'database.user': decodeURIComponent(url.username),
    'database.password': decodeURIComponent(url.password),
    'database.dbname': decodeURIComponent(url.pathname.slice(1)),
    ...sslSettings(url),
    // Connect keeps offsets by this name: a new load has a new one, and so never an offset of an older slot.
    'topic.prefix': log.topic,
    'plugin.name': 'pgoutput',
    // Slot and publication are ours. The initial load is made from the slot's own snapshot; Debezium begins where that ends.
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    // A slot that is beyond the connector's offset was made anew, or moved on: the task fails, rather than pass over the gap.
    'offset.mismatch.strategy': 'trust_offset',
    'publication.name': slot,
    'publication.autocreate.mode': 'disabled',
    'snapshot.mode': 'no_data',
    'table.include.list': [...options.tables.map(tableName), MARKER_TABLE].map(exactly).join(','),
    'message.prefix.include.list': 'strangler',
    // One topic for rows, for the begin and end of transactions, for marks and for heartbeats: so they are in order.
    transforms: 'route',
    'transforms.route.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.route.regex': '.*',
    'transforms.route.replacement': log.topic,
    'provide.transaction.metadata': 'true',
    'heartbeat.interval.ms': String(options.heartbeatMs),
    'tombstones.on.delete': 'false',
    // By default a TRUNCATE is left out.
    'skipped.operations': 'none',
    // Values as text wherever a number would lose something.
    'decimal.handling.mode': 'string',
    'interval.handling.mode': 'string',
    'time.precision.mode': 'isostring',
    'binary.handling.mode': 'hex',
    'hstore.handling.mode': 'json',
    'money.fraction.digits': '2',
    'include.unknown.datatypes': 'true',
    'unavailable.value.placeholder': log.placeholder,
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'header.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'header.converter.schemas.enable': 'false',
    'poll.interval.ms': '10',
    // The session of a worker that died may hold the slot for a while.
    'slot.max.retries': '60',
    'slot.retry.delay.ms': '500',
    'retriable.restart.connector.wait.ms': '1000',
    'producer.override.max.request.size': String(MESSAGE_BYTES_MAX),
    'producer.override.buffer.memory': String(2 * MESSAGE_BYTES_MAX),
    'producer.override.linger.ms': '0',
  };
}

/** How a topic has to be for nothing of it to vanish before it is applied, and for its order to be one. */
export function topicSettings(brokers: number): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(7 * 24 * 3_600_000),
    'retention.bytes': '-1',
    'min.insync.replicas': brokers >= 3 ? '2' : '1',
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(MESSAGE_BYTES_MAX),
  };
}

function sslSettings(url: URL): Readonly<Record<string, string>> {
  const mode = url.searchParams.get('sslmode');
  return mode ? { 'database.sslmode': mode } : {};
}

/** As a regular expression of Java's that only this text matches. */
function exactly(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/g, '\\$&');
}
