import type { Query } from 'strangler-migrations/define';
import type { Attempt } from '../attempt.ts';
import { readRows } from '../databases.ts';
import type { Finding } from './finding.ts';

/** Both databases have their guard, without a hole, and both rows say what they have to. */
export async function checkGuard({ databases, migration, from, to, epoch }: Attempt): Promise<Finding> {
  const { capability } = migration;
  const rows = await readRows(databases, capability);
  for (const side of ['monolith', 'service'] as const) {
    if (rows[side] === undefined) {
      return { ok: false, found: `the ${side}'s database has no guard of ${capability}`, mend: 'strangler create' };
    }
    const [fault] = await databases[side]('SELECT found, mend FROM strangler.guard_faults($1) LIMIT 1', [capability]);
    if (fault !== undefined) {
      return { ok: false, found: `in the ${side}'s database, ${fault.found}`, mend: `${fault.mend}` };
    }
  }
  const blind = await cannotOpen(databases[to]);
  if (blind !== undefined) {
    return {
      ok: false,
      found: `the guard in the ${to}'s database may not look into the ledger, so that side could never be opened`,
      mend: blind,
    };
  }
  const [here, there] = [rows[from]?.row, rows[to]?.row];
  if (here?.retiredAt != null || there?.retiredAt != null) {
    return { ok: false, found: `${capability} is retired: the monolith's path is gone for good`, mend: null };
  }
  const isAsExpected = here?.state === 'open' && here.epoch === epoch && there?.state === 'closed';
  if (!isAsExpected) {
    const found = `the ${from} is ${here?.state} at epoch ${here?.epoch}, the ${to} ${there?.state}`;
    return { ok: false, found, mend: 'Another change of owner is under way: strangler status' };
  }
  const observes = [here, there].some(({ mode }) => mode === 'observe');
  return {
    ok: true,
    found: `in both databases, on every table; epoch ${epoch}${observes ? '; it observed up to now, and will enforce' : ''}`,
    mend: null,
  };
}

/** What would let the guard see the fence's marker: its functions run as whoever made them. Undefined if they can. */
async function cannotOpen(database: Query): Promise<string | undefined> {
  const [row] = await database(
    `SELECT pg_get_userbyid(p.proowner) AS owner, has_table_privilege(p.proowner, c.oid, 'SELECT') AS may
     FROM pg_proc p, pg_class c
     WHERE p.oid = to_regprocedure('strangler.guard_open(text, bigint, uuid)') AND c.oid = to_regclass('strangler.stream_marker')`,
    [],
  );
  if (row === undefined) return 'Start change data capture: "npx cdc run" makes the ledger';
  return row.may ? undefined : `GRANT SELECT ON strangler.stream_marker TO ${row.owner}`;
}
