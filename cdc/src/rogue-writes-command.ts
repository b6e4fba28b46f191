import type { ChangeEvent, Row } from './change-event.ts';
import type { MigrationDatabases } from './config.ts';
import { withConnection } from './database/connect.ts';
import { unlessAbsent } from './database/unless-absent.ts';
import { courseOf } from './direction.ts';
import type { Direction } from './stream-name.ts';

/** A write of a side that did not own the table, as it is kept. The keys are a contract. */
export interface RogueWrite {
  readonly id: string;
  readonly capability: string;
  /** Of the stream that met it: `forward` is a write to the monolith, `reverse` one to the service. */
  readonly direction: Direction;
  readonly table: string;
  readonly key: Row | null;
  readonly op: ChangeEvent['op'];
  readonly transaction: number;
  readonly epoch: string;
  /** When it was committed, by the clock of the database that it was written to. */
  readonly committed_at: string;
  readonly noticed_at: string;
}

const LIST_SQL = `
  SELECT id::text AS id, capability, direction, (event -> 'source' ->> 'schema') || '.' || (event -> 'source' ->> 'table') AS "table",
    event -> 'key' AS key, event ->> 'op' AS op, (event -> 'source' ->> 'txId')::float8 AS transaction, epoch::text AS epoch,
    to_char(committed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS committed_at,
    to_char(noticed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS noticed_at
  FROM strangler.rogue_write WHERE capability = $1 AND direction = $2 ORDER BY rogue_write.id`;

/** `cdc rogue-writes`. Answers with the exit status: 2 when there are any. */
export async function rogueWrites(migrations: readonly MigrationDatabases[], json: boolean): Promise<number> {
  const courses = migrations.flatMap((databases) =>
    (['forward', 'reverse'] as const).map((direction) => courseOf(databases, direction)),
  );
  const writes: RogueWrite[] = [];
  for (const { name, targetUrl } of courses) {
    const found = await withConnection(targetUrl, 'strangler_rogue_writes', (client) =>
      unlessAbsent(client.query<RogueWrite>(LIST_SQL, [name.capability, name.direction])),
    );
    writes.push(...(found?.rows ?? []));
  }
  process.stdout.write(json ? `${JSON.stringify({ rogue_writes: writes })}\n` : describe(writes));
  return writes.length === 0 ? 0 : 2;
}

function describe(writes: readonly RogueWrite[]): string {
  if (writes.length === 0) return 'No side has written what it does not own.\n';
  const verbs = { c: 'insert', u: 'update', d: 'delete', t: 'truncate', r: 'load' };
  const lines = writes.map(({ id, capability, direction, table, key, op, committed_at }) => {
    const where = direction === 'forward' ? 'monolith' : 'service';
    const which = Object.entries(key ?? {}).map(([column, value]) => `${column}=${value}`);
    return `${id}  ${capability}  ${committed_at}  ${verbs[op]} of ${table} (${which.join(', ')}) in the ${where}'s database`;
  });
  return `${lines.join('\n')}\nNone of them was applied. Next: npx cdc verify says which rows differ for it\n`;
}
