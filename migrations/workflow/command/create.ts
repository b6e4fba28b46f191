import { loadMigrations, type Migration, type Query } from 'strangler-migrations/define';
import { ensureFlags } from '../ensure-flags.ts';
import { type GuardPlan, guardPlan, installGuard } from '../guard/index.ts';
import { withSession } from './session.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `strangler create`: the flags, and the guard in both databases where these are known. Gives its exit status. */
export async function create(
  settings: Settings,
  options: { json: boolean; dryRun: boolean },
  terminal: Terminal,
): Promise<number> {
  const migrations = await loadMigrations(settings.migrations);
  const { dryRun } = options;
  const ensured = await ensureFlags({ migrations, unleash: settings.unleash, dryRun });
  const of = (outcome: (typeof ensured)[number]['outcome']) =>
    ensured.filter((each) => each.outcome === outcome).map((each) => each.flag);
  const [created, completed, kept, archived] = [of('created'), of('completed'), of('kept'), of('archived')];
  const guards = await guardAll(migrations, settings, dryRun, terminal);
  if (options.json) {
    terminal.print(JSON.stringify({ dry_run: dryRun, created, completed, kept, archived, guards }));
    return 0;
  }
  const would = dryRun ? { created: 'would be created', completed: 'would be completed' } : {};
  const texts = { created: 'created', completed: 'completed', kept: 'kept', archived: 'archived', ...would };
  terminal.print(formatTable(ensured.map(({ flag, outcome }) => [{ text: texts[outcome] }, { text: flag }])));
  const verb = dryRun ? 'would be created' : 'created, all off';
  terminal.talk(
    `\n${created.length + completed.length} flags ${verb}; ${kept.length} were there and are left as they are.`,
  );
  if (archived.length > 0)
    terminal.talk(`${archived.length} are archived in Unleash: revive them there if they are wanted.`);
  for (const { capability, side, outcome } of guards) terminal.talk(`${capability}: ${GUARDED[outcome](side)}`);
  terminal.talk(`Next: strangler ${dryRun ? 'create' : 'status'}`);
  return 0;
}

/** What became of the guard on one side. */
interface Guarded {
  readonly capability: string;
  readonly side: 'monolith' | 'service';
  readonly outcome: 'installed' | 'kept' | 'would be installed' | 'database not known';
}

const GUARDED: Readonly<Record<Guarded['outcome'], (side: string) => string>> = {
  installed: (side) => `a guard is in the ${side}'s database; it observes who writes, and refuses nobody yet`,
  kept: (side) => `the guard in the ${side}'s database is there and complete`,
  'would be installed': (side) => `a guard would be installed, or completed, in the ${side}'s database`,
  'database not known': (side) => `no guard in the ${side}'s database: its URL is not known (STRANGLER_DATABASE_...)`,
};

async function guardAll(
  migrations: readonly Migration[],
  { databases }: Settings,
  dryRun: boolean,
  { talk }: Terminal,
): Promise<readonly Guarded[]> {
  const guards: Guarded[] = [];
  for (const migration of migrations) {
    if (migration.tables.length === 0) continue;
    for (const side of ['monolith', 'service'] as const) {
      const { capability } = migration;
      const name = side === 'monolith' ? 'monolith' : migration.service;
      if (databases[name] === undefined) guards.push({ capability, side, outcome: 'database not known' });
      else if (dryRun) guards.push({ capability, side, outcome: 'would be installed' });
      else {
        const outcome = await withSession(databases, name, async (query) => {
          const plan = guardPlan(migration, side);
          if (await isComplete(query, plan)) return 'kept' as const;
          await installGuard(query, plan, {
            progress: ({ title, waits }) => waits > 0 && talk(`${name}: ${title}: waits for a lock, ${waits} times`),
          });
          return 'installed' as const;
        });
        guards.push({ capability, side, outcome });
      }
    }
  }
  return guards;
}

async function isComplete(query: Query, { capability, owned, followed }: GuardPlan): Promise<boolean> {
  const [there] = await query(`SELECT to_regprocedure('strangler.guard_faults(text)') IS NOT NULL AS present`, []);
  if (!there?.present) return false;
  const [row] = await query(
    `SELECT EXISTS (SELECT FROM strangler.guard WHERE capability = $1)
       AND $2 = (SELECT count(*) FROM strangler.guard_table WHERE capability = $1)
       AND NOT EXISTS (SELECT FROM strangler.guard_faults($1) f WHERE f.endangers) AS complete`,
    [capability, owned.length + followed.length],
  );
  return row?.complete === true;
}
