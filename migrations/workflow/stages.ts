import { KILL_SWITCH, type Migration, type Route, serveFlag, shadowFlag, writeFlag } from 'strangler-migrations/define';
import { declaredFlags } from './declared-flags.ts';
import type { Flag, Unleash } from './unleash.ts';

/** How far a read route has come. */
export type Stage = 'off' | 'shadow' | 'canary' | 'live';

/** One flag, as far as a stage is concerned. */
export interface FlagState {
  readonly flag: string;
  /** Undefined if Unleash has no such flag, or an archived one. */
  readonly found: Flag | undefined;
  readonly enabled: boolean;
  /** Percent of visitors (serve) or requests (shadow) while it is on; null if no one number says it. */
  readonly share: number | null;
}

/** A read route with its stage. */
export interface ReadState {
  readonly kind: 'read';
  readonly capability: string;
  readonly route: Route;
  readonly stage: Stage;
  readonly serve: FlagState;
  readonly shadow: FlagState;
}

/** A write route: it has no stage of its own, but moves with the ownership of its capability. */
export interface WriteState {
  readonly kind: 'write';
  readonly capability: string;
  readonly route: Route;
  readonly write: FlagState;
}

/** Everything that the flags say. */
export interface Stages {
  readonly killSwitch: FlagState;
  readonly routes: readonly (ReadState | WriteState)[];
  /** Flags that are declared, and are not there or archived. */
  readonly missing: readonly string[];
}

/** Reads the stage of every route from Unleash. @throws {UnleashError} */
export async function readStages(migrations: readonly Migration[], unleash: Unleash): Promise<Stages> {
  const names = declaredFlags(migrations).map(({ name }) => name);
  const flags = await unleash.readFlags(names);
  const state = (name: string) => flagState(name, flags.get(name));
  const routes = migrations.flatMap((migration) =>
    migration.routes.map((route): ReadState | WriteState => {
      const { capability } = migration;
      if (route.kind === 'write') return { kind: 'write', capability, route, write: state(writeFlag(migration)) };
      const [serve, shadow] = [state(serveFlag(migration, route)), state(shadowFlag(migration, route))];
      return { kind: 'read', capability, route, stage: stageOf(serve, shadow), serve, shadow };
    }),
  );
  const missing = names.filter((name) => state(name).found === undefined);
  return { killSwitch: state(KILL_SWITCH), routes, missing };
}

function flagState(flag: string, found: Flag | undefined): FlagState {
  if (found === undefined || found.archived) return { flag, found: undefined, enabled: false, share: 0 };
  return { flag, found, enabled: found.enabled, share: shareOf(found) };
}

/** One share, if one number tells who gets the flag. Without a strategy, Unleash gives it to everybody. */
function shareOf({ strategies }: Flag): number | null {
  const [only, ...others] = strategies;
  if (only === undefined) return 100;
  if (others.length > 0 || only.narrowed || only.disabled) return null;
  if (only.name === 'default') return 100;
  const share = Number(only.parameters.rollout);
  return only.name === 'flexibleRollout' && Number.isFinite(share) ? share : null;
}

function stageOf(serve: FlagState, shadow: FlagState): Stage {
  if (serve.enabled && serve.share !== 0) return serve.share === 100 ? 'live' : 'canary';
  return shadow.enabled && shadow.share !== 0 ? 'shadow' : 'off';
}
