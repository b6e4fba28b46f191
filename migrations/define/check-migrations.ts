import { placedMappings, shown } from './check-mappings.ts';
import { routeShape } from './check-routes.ts';
import type { Migration } from './declaration.ts';
import type { Fault } from './fault.ts';

/** What is wrong between declarations of which each is right by itself: they claim the same name, requests or rows. */
export function checkMigrations(migrations: readonly Migration[]): Fault[] {
  const faults: Fault[] = [];
  const capabilities = claims();
  const routes = claims();
  const owned = claims();
  for (const migration of migrations) {
    const { capability } = migration;
    if (capabilities.taken(capability, capability) !== undefined) {
      const mend = 'One declaration per capability: its flags, slots and metrics bear its name';
      faults.push({ where: `${capability}: capability`, problem: 'two files declare it', mend });
      continue;
    }
    for (const route of migration.routes) {
      const other = routes.taken(routeShape(route), `${capability}: routes.${route.id}`);
      if (other === undefined || other.startsWith(`${capability}: `)) continue;
      const problem = `${route.method} ${route.path} matches the same requests as ${other}`;
      faults.push({
        where: `${capability}: routes.${route.id}`,
        problem,
        mend: 'A route moves with one capability: keep one',
      });
    }
    for (const { where, mapping, bothWays } of placedMappings(migration)) {
      if (!bothWays) continue;
      const other = owned.taken(shown(mapping.source), where);
      if (other === undefined || other.startsWith(`${capability}: `)) continue;
      const mend =
        'Rows have one owner: list the table under "tables" of one capability, and under "follows" of the other';
      faults.push({ where, problem: `${other} owns the rows of ${shown(mapping.source)} too`, mend });
    }
  }
  return faults;
}

/** Who was first to claim a thing. */
function claims() {
  const first = new Map<string, string>();
  return {
    /** The one who has claimed it before, or undefined, and it is `claimant`'s from now on. */
    taken(thing: string, claimant: string): string | undefined {
      const other = first.get(thing);
      if (other === undefined) first.set(thing, claimant);
      return other;
    },
  };
}
