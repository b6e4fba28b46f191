import type { Attempt } from '../attempt.ts';
import { readRows } from '../databases.ts';
import type { Finding } from '../prepare.ts';

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
