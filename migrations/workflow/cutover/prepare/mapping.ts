import type { Query, TableMapping } from 'strangler-migrations/define';
import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

/** Rows that are proved at once, and all in all: a larger table is proved by a sample from all over it. */
const ROWS_AT_ONCE = 2_000;
const ROWS_MAX = 20_000;
const LISTED_MAX = 3;

/** What a row becomes over there comes back as the row itself, on the real rows of the owner. */
export async function checkMapping({ databases, migration, from }: Attempt): Promise<Finding> {
  if (from === 'service') return { ok: true, found: 'the reverse stream proves it row by row', mend: null };
  let rows = 0;
  const faults: string[] = [];
  for (const mapping of migration.tables) {
    for await (const row of sample(databases.monolith, mapping)) {
      rows++;
      const fault = faultOf(mapping, row);
      if (fault !== undefined) faults.push(`${mapping.source.name}: ${fault}`);
    }
  }
  if (faults.length === 0) return { ok: true, found: `${rows} rows come back as they went`, mend: null };
  const listed = faults.slice(0, LISTED_MAX).join('; ');
  return {
    ok: false,
    found: `${faults.length} of ${rows} rows do not come back as they went: ${listed}`,
    mend: 'Correct the codec or the pair, or the rows',
  };
}

type Row = Readonly<Record<string, string | null>>;

async function* sample(query: Query, mapping: TableMapping): AsyncIterable<Row> {
  const name = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const { schema, name: table } = mapping.source;
  const columns = new Set([...mapping.key, ...mapping.columns].map(({ codec }) => codec.source));
  for (const pair of mapping.pairs) for (const column of Object.keys(pair.source)) columns.add(column);
  const list = [...columns].map((column) => `${name(column)}::text AS ${name(column)}`).join(', ');
  const from = `${name(schema)}.${name(table)}`;
  const [size] = await query('SELECT greatest(reltuples, 0)::float8 AS rows FROM pg_class WHERE oid = $1::regclass', [
    from,
  ]);
  const share = Math.min(100, (ROWS_MAX / Math.max(Number(size?.rows ?? 0), 1)) * 100);
  const part = share < 100 ? ` TABLESAMPLE SYSTEM (${share})` : '';
  for (let offset = 0; offset < ROWS_MAX; offset += ROWS_AT_ONCE) {
    const key = mapping.key.map(({ codec }) => name(codec.source)).join(', ');
    const seed = share < 100 ? ' REPEATABLE (1)' : '';
    const rows = await query(`SELECT ${list} FROM ${from}${part}${seed} ORDER BY ${key} LIMIT $1 OFFSET $2`, [
      ROWS_AT_ONCE,
      offset,
    ]);
    yield* rows as readonly Row[];
    if (rows.length < ROWS_AT_ONCE) return;
  }
}

function faultOf({ key, columns, pairs }: TableMapping, row: Row): string | undefined {
  const named = key.map(({ codec }) => `${codec.source}=${row[codec.source]}`).join(' ');
  try {
    for (const { codec } of [...key, ...columns]) {
      const value = row[codec.source];
      if (value == null) continue;
      const back = codec.back(codec.forward(value));
      if (back !== value) return `${named}: ${codec.source} comes back as "${back}"`;
    }
    for (const pair of pairs) {
      const back = pair.back(pair.forward(row));
      const changed = Object.keys(pair.source).find((column) => back[column] !== row[column]);
      if (changed !== undefined) return `${named}: ${changed} comes back as "${back[changed]}"`;
    }
    return undefined;
  } catch (error) {
    return `${named}: ${(error as Error).message}`;
  }
}
