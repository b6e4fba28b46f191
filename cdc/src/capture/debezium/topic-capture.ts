import type pg from 'pg';
import type { Logger } from 'pino';
import type { LogIdentity } from '../../apply/ledger.ts';
import { ConnectionLost, describeError } from '../../errors.ts';
import type { StreamLimits } from '../../limits.ts';
import { type Position, parseLsn } from '../../position.ts';
import type { Capture, Captured } from '../capture.ts';
import type { Echo } from '../embedded/to-captured.ts';
import type { ConnectRest } from './connect-rest.ts';
import { refusePaused } from './connector-state.ts';
import type { LogClient } from './log-reader.ts';
import type { SourceTable } from './source-tables.ts';
import { createToEvent } from './to-event.ts';
import { verifyTopic } from './topic-state.ts';
import { createTransactions } from './transactions.ts';

export interface TopicCaptureOptions {
  readonly kafka: LogClient;
  readonly rest: ConnectRest;
  /** An ordinary session of the source. */
  readonly source: pg.Client;
  readonly position: Position;
  readonly identity: LogIdentity;
  readonly tables: ReadonlyMap<string, SourceTable>;
  readonly echo: Echo;
  readonly slot: string;
  readonly limits: StreamLimits;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The tables as they are now. */
  describe(): Promise<ReadonlyMap<string, SourceTable>>;
  /** @throws {StreamStop} when what waits in the log would be read as something else. */
  refuseOtherTypes(tables: ReadonlyMap<string, SourceTable>): void;
}

/** How often the connector is looked at, in milliseconds, and how often the topic's settings are: each so many looks. */
const LOOK_EVERY_MS = 1_000;
const TOPIC_EVERY_LOOKS = 10;

/** Reads the topic from where the target is, as long as the connector that writes it is as it should be. */
export async function followTopic(options: TopicCaptureOptions): Promise<Capture> {
  const { kafka, identity, position, limits, signal } = options;
  const reader = await kafka.read(identity.topic, position.nextOffset!, { limits, signal });
  const take = createTransactions({
    epoch: position.epoch,
    reached: position.commitLsn,
    fresh: position.nextOffset === 0n,
    bytesMax: limits.queueBytesMax,
    toEvent: createToEvent(options.tables, identity.placeholder),
    echo: options.echo,
  });
  const verifyTypes = createTypeCheck(options);
  let next = position.nextOffset!;
  const stopWatching = watchConnector(options, () => next, reader.fail);

  return {
    async next() {
      for (;;) {
        const messages = await reader.next();
        if (messages.length === 0) return [];
        const captured: Captured[] = [];
        for (const message of messages) {
          next = message.offset + 1n;
          const taken = take(message);
          for (const each of taken.captured) captured.push(each);
          if (taken.rewind !== undefined) {
            reader.seek(taken.rewind);
            break;
          }
        }
        if (captured.length === 0) continue;
        await verifyTypes(captured);
        return captured;
      }
    },
    // The place in the log is the target's alone; the slot follows what is in the log.
    acknowledge: () => {},
    fail: reader.fail,
    async close() {
      stopWatching();
      await reader.close();
    },
  };
}

/**
 * Messages do not tell types. So before events are handed over, the columns are proved to have kept theirs up to the
 * commit that the events came with: read first how far the source's log goes, then the catalogue.
 */
function createTypeCheck({ source, tables, describe, refuseOtherTypes }: TopicCaptureOptions) {
  const names = [...tables.values()].map(
    ({ schema, name }) => `"${schema.replaceAll('"', '""')}"."${name.replaceAll('"', '""')}"`,
  );
  let provedTo = 0n;
  let digest: string | undefined;
  return async (captured: readonly Captured[]): Promise<void> => {
    let last = 0n;
    for (const each of captured) if (each.kind === 'begin' || each.kind === 'commit') last = endOf(each);
    if (last <= provedTo) return;
    const { rows: end } = await source.query('SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS lsn');
    const { rows: now } = await source.query(
      `SELECT md5(string_agg(concat_ws(' ', attrelid, attname, atttypid, atttypmod), ',' ORDER BY attrelid, attnum)) AS digest
       FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = ANY (
         SELECT to_regclass(name) FROM unnest($1::text[]) AS name)`,
      [names],
    );
    if (now[0].digest !== digest) refuseOtherTypes(await describe());
    digest = now[0].digest;
    provedTo = parseLsn(end[0].lsn);
  };
}

function endOf(each: Extract<Captured, { kind: 'begin' | 'commit' }>): bigint {
  return each.kind === 'begin' ? each.position.commitLsn + 1n : each.end.commitLsn;
}

/** Ends the capture when the connector does not write the topic any more. Connect out of reach is only said: the topic is not. */
function watchConnector(
  { rest, kafka, identity, slot, log }: TopicCaptureOptions,
  next: () => bigint,
  fail: (error: Error) => void,
): () => void {
  let watching = true;
  let timer: NodeJS.Timeout | undefined;
  let looks = 0;
  let warned = false;
  const look = async () => {
    try {
      const status = await rest.status(slot);
      if (!status) fail(new ConnectionLost(`Kafka Connect: the connector ${slot} is gone`));
      else {
        refusePaused(slot, status.state, status.task);
        if (status.state === 'FAILED' || status.task === 'FAILED') {
          const why = status.trace?.split('\n')[0]?.slice(0, 500);
          fail(new ConnectionLost(`Debezium's task of ${slot} has failed: ${why}`));
        }
      }
      if (++looks % TOPIC_EVERY_LOOKS === 0) await verifyTopic(kafka, identity.topic, next(), slot);
      warned = false;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) fail(error as Error);
      else if (watching && !warned) log.warn(`looking at the connector: ${describeError(error)}`);
      warned = true;
    }
    if (watching) timer = setTimeout(look, LOOK_EVERY_MS);
  };
  timer = setTimeout(look, LOOK_EVERY_MS);
  return () => {
    watching = false;
    clearTimeout(timer);
  };
}
