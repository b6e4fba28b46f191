import { loadMigrations, type Migration } from 'strangler-migrations/define';
import {
  DEFAULT_ROLES,
  dismantle,
  dismantleShared,
  foundation,
  guardPlan,
  guardTable,
  type Side,
  type Step,
  unguardTable,
} from '../guard/index.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/**
 * `strangler guard`: the SQL of a guard, for a database administrator to read, and to run if "strangler create" may not.
 * It talks to no database. Gives its exit status.
 */
export async function guard(
  folder: string,
  options: { readonly json: boolean; readonly words: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const [capability, side, what = 'install', ...rest] = options.words;
  const migration = (await loadMigrations(folder)).find((each) => each.capability === capability);
  if (migration === undefined) throw new UsageError('the guard of which capability? strangler guard catalog monolith');
  if (side !== 'monolith' && side !== 'service') throw new UsageError('in which database? monolith, or service');
  if ((what !== 'install' && what !== 'remove') || rest.length > 0) {
    throw new UsageError(`what is "${options.words.slice(2).join(' ')}"? install, or remove`);
  }
  const steps = what === 'install' ? installation(migration, side) : removal(migration, side);
  if (options.json) terminal.print(JSON.stringify({ capability, side, what, steps }));
  else terminal.print(steps.map(({ title, sql }) => `-- ${title}\nBEGIN;\n${sql}\nCOMMIT;\n`).join('\n'));
  terminal.talk(
    what === 'install'
      ? `Partitions and inheritance children need the trigger too: SELECT * FROM strangler.guard_faults('${capability}') names each.`
      : 'Partitions and inheritance children have triggers of their own: drop these too. The roles stay.',
  );
  return 0;
}

function installation(migration: Migration, side: Side): readonly Step[] {
  const plan = guardPlan(migration, side);
  return [
    foundation(plan),
    ...plan.owned.map((table) => guardTable(plan, table, false)),
    ...plan.followed.map((table) => guardTable(plan, table, true)),
  ];
}

function removal(migration: Migration, side: Side): readonly Step[] {
  const { capability, owned, followed } = guardPlan(migration, side);
  const shared = dismantleShared(DEFAULT_ROLES);
  return [
    ...[...owned, ...followed].map((table) => unguardTable(capability, table)),
    dismantle(capability),
    { ...shared, title: `${shared.title}: only if no other capability has a guard here` },
  ];
}
