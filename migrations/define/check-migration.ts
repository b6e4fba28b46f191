import { checkMappings } from './check-mappings.ts';
import { checkRoutes } from './check-routes.ts';
import type { Migration } from './declaration.ts';
import type { Fault } from './fault.ts';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
/** Names become parts of longer ones; PostgreSQL cuts those (slots, publications) at 63 bytes. */
const NAME_LENGTH_MAX = 40;
/** The toolkit's own flags begin with this. */
const RESERVED = 'strangler';

/** Every fault of one declaration that can be seen without its databases. */
export function checkMigration(migration: Migration): Fault[] {
  const { capability, service } = migration;
  const faults: Fault[] = [];
  faults.push(...checkName(`${capability}: capability`, capability));
  if (service !== capability) faults.push(...checkName(`${capability}: service`, service));
  if (capability === RESERVED) {
    const mend = 'Name the capability after what it does';
    faults.push({ where: `${capability}: capability`, problem: "this name is the toolkit's own", mend });
  }
  for (const { id } of migration.routes) faults.push(...checkName(`${capability}: routes.${id}`, id));
  faults.push(...checkRoutes(migration), ...checkMappings(migration), ...checkForeignKeys(migration));
  return faults;
}

/** A policy without a reason is a switch that somebody has set; whoever comes next cannot tell whether it still holds. */
function checkForeignKeys({ capability, foreignKeys = {} }: Migration): readonly Fault[] {
  return Object.entries(foreignKeys).flatMap(([name, { kind, reason }]) => {
    if (reason.trim() !== '') return [];
    const where = `${capability}: foreignKeys.${name}`;
    return [{ where, problem: 'it has no reason', mend: `Say why it stays true: ${kind}('...')` }];
  });
}

function checkName(where: string, name: string): readonly Fault[] {
  const mend = `Use lower-case letters, digits and single dashes, beginning with a letter, at most ${NAME_LENGTH_MAX} in all: list-products`;
  if (!NAME.test(name)) return [{ where, problem: `"${name}" is no name in kebab-case`, mend }];
  if (name.length > NAME_LENGTH_MAX) return [{ where, problem: `"${name}" has ${name.length} characters`, mend }];
  return [];
}
