import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from } from 'pg-copy-streams';

/** One row as COPY takes it, columns in the order named to {@link copyRows}. */
export type Row = readonly (string | number | null)[];

const BATCH_CHARACTERS = 65_536;

/** Loads rows by `COPY`; a column's name list must come from us, as it is not escaped. */
export async function copyRows(
  client: pg.Client,
  table: string,
  columns: string,
  rows: Iterable<Row>,
): Promise<number> {
  const stream = client.query(from(`COPY ${table} (${columns}) FROM STDIN`));
  const done = finished(stream);
  let batch = '';
  let count = 0;
  for (const row of rows) {
    batch += `${row.map(field).join('\t')}\n`;
    count++;
    if (batch.length > BATCH_CHARACTERS) {
      if (!stream.write(batch)) await Promise.race([once(stream, 'drain'), done]);
      batch = '';
    }
  }
  stream.end(batch);
  await done;
  return count;
}

/** COPY's text format, https://www.postgresql.org/docs/18/sql-copy.html. */
function field(value: string | number | null): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}
