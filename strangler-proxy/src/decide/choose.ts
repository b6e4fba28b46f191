import type { IncomingMessage } from 'node:http';
import { KILL_SWITCH, serveFlag, shadowFlag } from 'strangler-migrations/define';
import { type HeadAdditions, joinAdditions } from '../forward/head-additions.ts';
import type { Peer } from '../forward/peer.ts';
import type { DeclaredRoute } from '../match/route-table.ts';
import { carriesPins, type PinQuestion, type Pins } from '../pin/index.ts';
import { type Ask, type Decision, decide, dependsOnVisitor, type RouteFlags, UNDECLARED } from './decide.ts';
import type { Flags } from './flags.ts';
import type { Ownership, Side } from './ownership.ts';
import { readVisitor, type Visitor } from './visitor.ts';

/** A decision, and the cookie that keeps the visitor to it. */
export interface Choice {
  readonly decision: Decision;
  readonly setCookie: string | undefined;
  readonly additions: HeadAdditions | undefined;
}

/** A declared route with all that can be known before a request comes. */
export interface ChoosableRoute extends DeclaredRoute {
  readonly serveFlag: string;
  readonly shadowFlag: string;
  /** Replaced when the flags change. */
  flags: RouteFlags;
}

/** Chooses for a route that is declared, and for undefined: none is. */
export type Choose = (route: ChoosableRoute | undefined, request: IncomingMessage, peer: Peer) => Choice;

const NOT_DECLARED: Choice = { decision: UNDECLARED, setCookie: undefined, additions: undefined };
const NEVER_ASKED: Ask = { serve: () => false, shadow: () => false };
const NOBODY: Visitor = { id: '', setCookie: undefined };

/** Makes a route choosable: with the names of its flags and what they say now. */
export function choosable(declared: DeclaredRoute, flags: Flags): ChoosableRoute {
  const { migration, route: declaration } = declared;
  const route = {
    ...declared,
    serveFlag: serveFlag(migration, declaration),
    shadowFlag: shadowFlag(migration, declaration),
  };
  return { ...route, flags: flagsOf(route, flags) };
}

/** Lets routes follow flags that have changed. */
export function follow(routes: readonly ChoosableRoute[], flags: Flags): void {
  for (const route of routes) route.flags = flagsOf(route, flags);
}

/** Binds the decision to flags, ownership, pins and the visitor's cookie. */
export function createChooser(
  routes: readonly ChoosableRoute[],
  flags: Flags,
  ownership: Ownership,
  pins: Pins | undefined,
): Choose {
  return (route, request, peer) => {
    if (route === undefined) {
      if (pins === undefined || isSafe(request.method)) return NOT_DECLARED;
      return { ...NOT_DECLARED, additions: pinsOf(pins, touchedByMonolith(), request, peer) };
    }
    const { capability } = route.migration;
    const owner = ownership.ownerOf(capability);
    if (route.route.kind === 'write') {
      const decision = decide(route, owner, route.flags, NEVER_ASKED);
      if (pins === undefined) return { decision, setCookie: undefined, additions: undefined };
      const touched = owner === 'monolith' ? touchedByMonolith().add(capability) : [capability];
      return { decision, setCookie: undefined, additions: pinsOf(pins, touched, request, peer) };
    }
    const pinned =
      pins !== undefined && carriesPins(request)
        ? pins.ofRead(request, questionOf(capability, owner, request, peer))
        : undefined;
    if (pinned?.side !== undefined) {
      const decision = decide(route, owner, route.flags, NEVER_ASKED, pinned.side);
      return { decision, setCookie: undefined, additions: pinned.additions };
    }
    const visitor = dependsOnVisitor(route, route.flags)
      ? readVisitor(request.headers.cookie, isSecure(request, peer))
      : NOBODY;
    const decision = decide(route, owner, route.flags, askFor(route, flags, visitor));
    if (route.flags.serve !== 'ask') flags.count(route.serveFlag, route.flags.serve === 'always');
    return { decision, setCookie: visitor.setCookie, additions: pinned?.additions };
  };

  /**
   * What a write of the monolith may change, whatever it is: the tables of everything that it owns, and those that other
   * capabilities follow. Only what may be read from a service needs to be known.
   */
  function touchedByMonolith(): Set<string> {
    const touched = new Set<string>();
    for (const { route, migration, flags } of routes) {
      const { capability } = migration;
      if (route.kind === 'write' || flags.serve === 'never' || touched.has(capability)) continue;
      if (ownership.ownerOf(capability) === 'monolith') touched.add(capability);
    }
    return touched;
  }

  function pinsOf(pins: Pins, capabilities: Iterable<string>, request: IncomingMessage, peer: Peer) {
    const all = [...capabilities].flatMap(
      (capability) => pins.ofWrite(request, questionOf(capability, ownership.ownerOf(capability), request, peer)) ?? [],
    );
    return joinAdditions(all);
  }

  function questionOf(capability: string, owner: Side, request: IncomingMessage, peer: Peer): PinQuestion {
    return { capability, owner, epoch: ownership.epochOf(capability), secure: isSecure(request, peer) };
  }
}

function flagsOf(route: Pick<ChoosableRoute, 'serveFlag' | 'shadowFlag'>, flags: Flags): RouteFlags {
  return {
    serve: flags.outcome(route.serveFlag),
    shadow: flags.outcome(route.shadowFlag),
    // Half a kill switch is a whole one: whoever pulls it has no time for shares.
    killSwitch: flags.outcome(KILL_SWITCH) !== 'never',
  };
}

function askFor(route: ChoosableRoute, flags: Flags, visitor: Visitor): Ask {
  if (route.flags.serve !== 'ask' && route.flags.shadow !== 'ask') return NEVER_ASKED;
  return {
    serve: () => flags.isEnabled(route.serveFlag, visitor.id),
    // A share of requests, not of visitors: every visitor's requests are to be compared.
    shadow: () => flags.isEnabled(route.shadowFlag, String(Math.random())),
  };
}

function isSecure(request: IncomingMessage, peer: Peer): boolean {
  return peer.encrypted || (peer.trusted && request.headers['x-forwarded-proto'] === 'https');
}

/** RFC 9110 section 9.2.1. */
function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}
