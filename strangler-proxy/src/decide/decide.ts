import { MONOLITH } from '../forward/upstreams.ts';
import type { DeclaredRoute } from '../match/route-table.ts';
import type { Side } from './ownership.ts';

/**
 * What a flag says before anybody asks: the same for everyone, or different from request to request. Most flags are one
 * of the first two most of the time, and then no request pays for an evaluation.
 */
export type Outcome = 'never' | 'always' | 'ask';

/** The flags that bear on one route, as they are now. */
export interface RouteFlags {
  readonly serve: Outcome;
  readonly shadow: Outcome;
  readonly killSwitch: boolean;
}

/** Evaluates what is `ask`. */
export interface Ask {
  serve(): boolean;
  shadow(): boolean;
}

/** Why a request went where it went: a closed set, as it labels metrics. */
export type Why =
  /** No declared route matches. */
  | 'undeclared'
  /** Nothing was decided: the proxy answered the request itself. */
  | 'refused'
  /** A write: it follows the owner of the capability, never a flag. */
  | 'write'
  /** The client wrote to the capability, and the other side has not got that yet. */
  | 'pin'
  /** `strangler.kill-switch` is on. */
  | 'kill-switch'
  /** The route's serve flag is off, missing, or was never heard of. */
  | 'off'
  /** The route's serve flag is on for everyone. */
  | 'live'
  /** The visitor is in the share. */
  | 'canary'
  /** The visitor is not in the share. */
  | 'control';

/** Where one request goes. */
export interface Decision {
  /** Name of the upstream that serves. */
  readonly upstream: string;
  readonly side: Side;
  readonly why: Why;
  /** Name of the upstream that gets a copy. */
  readonly shadow: string | undefined;
  /** Name of the upstream that serves when the chosen one fails before a byte of its answer was sent. */
  readonly fallback: string | undefined;
}

/** What is not declared is the monolith's. */
export const UNDECLARED: Decision = {
  upstream: MONOLITH,
  side: 'monolith',
  why: 'undeclared',
  shadow: undefined,
  fallback: undefined,
};

/** Whether {@link decide} will need to know who is asking. */
export function dependsOnVisitor({ route }: DeclaredRoute, flags: RouteFlags): boolean {
  return route.kind === 'read' && !flags.killSwitch && flags.serve === 'ask';
}

/**
 * Chooses the upstream of one request.
 *
 * A read goes to the owner unless its serve flag says otherwise, so that a flag which is false, missing, unknown or out
 * of reach changes nothing. A write goes to the owner whatever any flag says: ownership moves by the cut-over alone.
 *
 * @param pinnedTo the side that alone has what this client wrote; no flag moves its reads elsewhere
 */
export function decide(declared: DeclaredRoute, owner: Side, flags: RouteFlags, ask: Ask, pinnedTo?: Side): Decision {
  const { route, migration } = declared;
  if (route.kind === 'write') return { ...toSide(owner, migration.service), why: 'write', ...ALONE };

  // No shadow: the other side is known to be behind.
  if (pinnedTo !== undefined) return { ...toSide(pinnedTo, migration.service), why: 'pin', ...ALONE };

  // Nothing of a service is touched while the switch is on: it has trouble enough.
  if (flags.killSwitch) {
    return { ...toSide(owner, migration.service), why: 'kill-switch', ...ALONE };
  }
  const serve = holds(flags.serve, ask.serve);
  const chosen = toSide(serve ? 'service' : owner, migration.service);
  const ownersUpstream = toSide(owner, migration.service).upstream;
  return {
    ...chosen,
    why: flags.serve === 'ask' ? (serve ? 'canary' : 'control') : serve ? 'live' : 'off',
    shadow: holds(flags.shadow, ask.shadow) ? toSide(otherSide(chosen.side), migration.service).upstream : undefined,
    fallback: chosen.upstream === ownersUpstream ? undefined : ownersUpstream,
  };
}

const ALONE = { shadow: undefined, fallback: undefined };

function holds(outcome: Outcome, ask: () => boolean): boolean {
  return outcome === 'ask' ? ask() : outcome === 'always';
}

function toSide(side: Side, service: string): { upstream: string; side: Side } {
  return { upstream: side === 'monolith' ? MONOLITH : service, side };
}

function otherSide(side: Side): Side {
  return side === 'monolith' ? 'service' : 'monolith';
}
