import type pg from 'pg';
import type { TableMapping } from 'strangler-migrations/define';
import { isOfSync } from '../../apply/apply-session.ts';
import { quoteName } from '../../database/connect.ts';
import type { StreamCourse } from '../../direction.ts';
import { StreamStop } from '../../errors.ts';
import { tableName, uniqueTables } from '../../refuse.ts';
import type { CaptureEngine } from '../engine.ts';
import { verifyContinuity } from './continuity.ts';
import type { NameOf } from './pgoutput.ts';
import { followSlot } from './replication-stream.ts';
import { AFRESH, keepForFailover } from './slot.ts';
import { createTranslator, type Echo } from './to-captured.ts';

/** Our own client of PostgreSQL's replication protocol: the slot is the log. */
export const embeddedEngine: CaptureEngine = {
  name: 'embedded',
  heartbeat: 'plain',
  open: ({ course, source, epoch, limits, signal }) => ({
    prepare: async () => {},
    async verify(row) {
      if (row.log) {
        throw new StreamStop(
          'other-engine',
          `this stream goes by way of Kafka (topic ${row.log.topic}), and what it has handed over there the slot no longer has`,
          `Set STRANGLER_CDC_ENGINE=debezium again. ${AFRESH(course.slot)}`,
        );
      }
      const from = { client: source, url: course.sourceUrl };
      const { position } = await verifyContinuity(from, course.slot, epoch, row.position);
      await keepForFailover(course.sourceUrl, source, course.slot);
      return { ...row, position };
    },
    async follow({ position }) {
      const nameOf = await readNames(source, course.mappings);
      const translate = createTranslator(position.epoch, course.mappings, echoOf(course), nameOf);
      const from = position.commitLsn;
      return followSlot({ url: course.sourceUrl, slot: course.slot, from, limits, signal }, translate);
    },
    end: async () => {},
  }),
  examine: async () => [],
  giveUp: async () => {},
};

/**
 * The log names a table as it was called when its rows were written. One that was renamed, and is back under its name, is
 * told by its number: rows of a name that is not mapped would be nobody's.
 */
async function readNames(source: pg.Client, mappings: readonly TableMapping[]): Promise<NameOf> {
  const tables = uniqueTables(mappings.map((mapping) => mapping.source));
  const { rows } = await source.query(
    `SELECT to_regclass(t)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS w(t, n) ORDER BY n`,
    [tables.map(quoteName)],
  );
  const byOid = new Map(tables.map((table, index) => [rows[index].oid as number, table]));
  const known = new Set(tables.map(tableName));
  return (oid, name) => (known.has(tableName(name)) ? name : (byOid.get(oid) ?? name));
}

/** What the other direction of this capability writes, which its rows have to be kept apart from. */
export function echoOf({ echoOrigin, owned }: StreamCourse): Echo {
  const tables = new Set(owned.map(tableName));
  return {
    isOrigin: (origin) => isOfSync(echoOrigin, origin),
    writes: (schema, table) => tables.has(`${schema}.${table}`),
  };
}
