import { KILL_SWITCH, type Migration, type Route, serveFlag, shadowFlag, writeFlag } from 'strangler-migrations/define';
import type { NewFlag, Rollout } from './unleash.ts';

/** A flag that a declaration asks for. */
export type DeclaredFlag = NewFlag & Omit<Rollout, 'share'>;

/** Every flag of these migrations, and the kill switch, with what a person reads of each in Unleash. */
export function declaredFlags(migrations: readonly Migration[]): readonly DeclaredFlag[] {
  return [killSwitch(), ...migrations.flatMap(flagsOf)];
}

function flagsOf(migration: Migration): readonly DeclaredFlag[] {
  const reads = migration.routes.filter((route) => route.kind === 'read');
  return [...reads.flatMap((route) => [serve(migration, route), shadow(migration, route)]), write(migration)];
}

/** `release`: it brings the new answer to more and more people, and goes away once it is everybody's. */
function serve(migration: Migration, route: Route): DeclaredFlag {
  const { capability, service } = migration;
  return {
    name: serveFlag(migration, route),
    type: 'release',
    description:
      `On: the ${service} service answers ${route.method} ${route.path}, for the share of visitors in the strategy ` +
      `(one visitor sees one side on all routes of ${capability}). Off: the owner of the data answers, as before. ` +
      'If the service fails, the owner answers too.',
    groupId: capability,
    stickiness: 'default',
  };
}

/** `experiment`: its answers are only compared. Chosen by request, not by visitor, so that every kind of visitor is seen. */
function shadow(migration: Migration, route: Route): DeclaredFlag {
  const { capability, service } = migration;
  return {
    name: shadowFlag(migration, route),
    type: 'experiment',
    description:
      `On: a copy of ${route.method} ${route.path} goes to the other side (monolith or ${service} service), for the share ` +
      'of requests in the strategy, and the two answers are compared. Nobody ever is shown the answer of a copy. Off: no copies.',
    groupId: capability,
    stickiness: 'random',
  };
}

/** `operational`: Unleash's "transition between technical implementations". */
function write(migration: Migration): DeclaredFlag {
  const { capability, service } = migration;
  return {
    name: writeFlag(migration),
    type: 'operational',
    description:
      `On: the ${service} service shall own the data of ${capability} and take its writes; the cut-over follows. ` +
      'Off: the monolith shall own them. The share does not count: there is one owner. Writes never move by this flag alone.',
    groupId: capability,
    stickiness: 'default',
  };
}

function killSwitch(): DeclaredFlag {
  return {
    name: KILL_SWITCH,
    type: 'kill-switch',
    description:
      'On: every read of every capability goes to the owner of its data at once, whatever the other flags say. ' +
      'Off: the other flags count again, as they are.',
    groupId: 'strangler',
    stickiness: 'default',
  };
}
