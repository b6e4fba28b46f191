import type { AdminRoute } from './admin/index.ts';
import type { ChoosableRoute } from './decide/choose.ts';
import type { Flags } from './decide/flags.ts';
import type { Ownership, Side } from './decide/ownership.ts';
import type { Metrics } from './metrics.ts';
import type { ShadowStats } from './shadow/index.ts';

/** Everything that can be said of one declared route now. */
export function routeState(declared: ChoosableRoute, flags: Flags, ownership: Ownership, metrics: Metrics): AdminRoute {
  const { route, migration, name, serveFlag, shadowFlag } = declared;
  const owner = ownership.ownerOf(migration.capability);
  const { monolith, service } = metrics.answeredBy(name);
  const movesByFlag = route.kind === 'read' && !declared.flags.killSwitch;
  return {
    capability: migration.capability,
    id: route.id,
    method: route.method,
    path: route.path,
    kind: route.kind,
    service: migration.service,
    stage: stageOf(declared, owner),
    owner,
    share: movesByFlag ? flags.share(serveFlag) : owner === 'service' ? 1 : 0,
    shadowShare: movesByFlag ? flags.share(shadowFlag) : 0,
    requests: { monolith, service },
  };
}

function stageOf({ route, flags }: ChoosableRoute, owner: Side): AdminRoute['stage'] {
  if (route.kind === 'write') return owner === 'service' ? 'live' : 'off';
  if (flags.killSwitch) return 'off';
  if (flags.serve === 'always') return 'live';
  if (flags.serve === 'ask') return 'canary';
  return flags.shadow === 'never' ? 'off' : 'shadow';
}

/** What the control plane is told of each route: how far it is, and how its two sides compare. */
export function routeFigures(routes: readonly AdminRoute[], { routes: stats }: Pick<ShadowStats, 'routes'>): object[] {
  return routes.map(({ capability, id, kind, stage, requests }) => {
    const compared = stats.find((each) => each.capability === capability && each.route === id);
    const { outcomes, latency } = compared ?? {};
    return { capability, route: id, kind, stage, requests, outcomes, latency };
  });
}
