import type { Migration } from './declaration.ts';
import type { Route } from './route.ts';

type Named = Pick<Migration, 'capability'>;
type Identified = Pick<Route, 'id'>;

/** On: all read traffic goes to the owner at once, whatever the other flags say. */
export const KILL_SWITCH = 'strangler.kill-switch';

/** The share of a read route's requests that the service answers: `catalog.product.serve`. */
export function serveFlag(migration: Named, route: Identified): string {
  return `${migration.capability}.${route.id}.serve`;
}

/** The share of a read route's requests that are also sent to the other side and compared: `catalog.product.shadow`. */
export function shadowFlag(migration: Named, route: Identified): string {
  return `${migration.capability}.${route.id}.shadow`;
}

/** On: the service shall own the capability's writes: `catalog.write`. */
export function writeFlag(migration: Named): string {
  return `${migration.capability}.write`;
}
