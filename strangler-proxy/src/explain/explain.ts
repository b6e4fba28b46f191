import { KILL_SWITCH, type Migration } from 'strangler-migrations/define';
import { type ChoosableRoute, choosable } from '../decide/choose.ts';
import { type Decision, decide, UNDECLARED, type Why } from '../decide/decide.ts';
import type { Flags } from '../decide/flags.ts';
import type { Ownership, Side } from '../decide/ownership.ts';
import { readTarget } from '../match/request-target.ts';
import { compileRoutes, declaredRoutes } from '../match/route-table.ts';

/** A request that nobody sends. */
export interface Question {
  readonly method: string;
  readonly target: string;
  /** The key that shares are taken of: the value of the visitor's cookie. Undefined: nobody in particular. */
  readonly user: string | undefined;
}

/** One rule of the decision, in the order in which the proxy asks them. */
export interface Rule {
  readonly rule: 'declared' | 'write' | 'pin' | 'kill-switch' | 'serve';
  /** Whether it settled where the request goes; the rules after it are not asked. */
  readonly decides: boolean;
  readonly says: string;
}

/** Where a request would go, and why. */
export interface Explanation {
  readonly method: string;
  readonly target: string;
  readonly user: string | null;
  /** `catalog.product`, or null: none is declared for it. */
  readonly route: string | null;
  readonly kind: 'read' | 'write' | null;
  readonly owner: Side;
  /** Null where it depends on who asks, and nobody was named. */
  readonly upstream: string | null;
  readonly why: Why | null;
  /** Who answers if that one fails before a byte of its answer was sent. */
  readonly fallback: string | null;
  readonly shadow: string;
  readonly rules: readonly Rule[];
}

/** What the proxy would decide by. */
export interface Knowledge {
  readonly migrations: readonly Migration[];
  readonly flags: Flags;
  readonly ownership: Ownership;
}

/** Decides as the proxy does, and says why. @throws Error for a target that no proxy passes on */
export function explain({ method, target, user }: Question, { migrations, flags, ownership }: Knowledge): Explanation {
  const asked = readTarget(target);
  if (asked === undefined) throw new Error(`${target}: has to be a path, as a client sends it: /api/products/7`);
  const routes = compileRoutes(declaredRoutes(migrations).map((route) => choosable(route, flags)));
  const route = routes.match(method, asked.target);
  const owner = route === undefined ? 'monolith' : ownership.ownerOf(route.migration.capability);
  const about = { method, target: asked.target, user: user ?? null, owner };
  if (route === undefined) {
    const says = 'no route of a migration matches, byte for byte: it is the monolith’s, as it was before';
    return {
      ...{ ...about, route: null, kind: null, fallback: null, shadow: 'never: only declared routes have one' },
      upstream: UNDECLARED.upstream,
      why: UNDECLARED.why,
      rules: [{ rule: 'declared', decides: true, says }],
    };
  }
  const rules = rulesOf(route, owner, flags, user);
  const isKnown = route.flags.serve !== 'ask' || user !== undefined || rules.at(-1)?.rule !== 'serve';
  const ask = {
    serve: () => user !== undefined && flags.isEnabled(route.serveFlag, user),
    shadow: () => false,
  };
  const decision = decide(route, owner, route.flags, ask);
  return {
    ...about,
    route: route.name,
    kind: route.route.kind,
    upstream: isKnown ? decision.upstream : null,
    why: isKnown ? decision.why : null,
    fallback: isKnown ? (decision.fallback ?? null) : null,
    shadow: shadowOf(route, decision, flags),
    rules,
  };
}

function rulesOf(route: ChoosableRoute, owner: Side, flags: Flags, user: string | undefined): Rule[] {
  const { serveFlag, name } = route;
  const { method, path, kind } = route.route;
  const rules: Rule[] = [{ rule: 'declared', decides: false, says: `${name}, ${method} ${path}, a ${kind}` }];
  if (kind === 'write') {
    const says = `it goes to the owner, who is the ${owner}, whatever any flag says`;
    return [...rules, { rule: 'write', decides: true, says }];
  }
  rules.push(
    { rule: 'write', decides: false, says: 'it is a read' },
    {
      rule: 'pin',
      decides: false,
      says: 'a client that has just written to this capability is kept where its write is; nothing here tells of one',
    },
  );
  if (route.flags.killSwitch) {
    const says = `${KILL_SWITCH} is on: every read goes to the owner, who is the ${owner}`;
    return [...rules, { rule: 'kill-switch', decides: true, says }];
  }
  rules.push({ rule: 'kill-switch', decides: false, says: `${KILL_SWITCH} is off` });
  return [...rules, { rule: 'serve', decides: true, says: serveSays(route, owner, flags, user, serveFlag) }];
}

function serveSays(route: ChoosableRoute, owner: Side, flags: Flags, user: string | undefined, flag: string): string {
  const { service } = route.migration;
  if (route.flags.serve === 'never') return `${flag} is off, or nobody made it: the owner serves, who is the ${owner}`;
  if (route.flags.serve === 'always') return `${flag} is on for everyone: the service serves, which is ${service}`;
  const share = flags.share(flag);
  const whose = share === null ? `${flag} depends on who asks` : `${flag} is on for ${percent(share)} of visitors`;
  if (user === undefined) return `${whose}: name one with --user`;
  return flags.isEnabled(flag, user) ? `${whose}, and ${user} is in it` : `${whose}, and ${user} is not in it`;
}

function shadowOf(
  { route, flags: now, shadowFlag, migration }: ChoosableRoute,
  decision: Decision,
  flags: Flags,
): string {
  if (route.kind === 'write') return 'never: a write is not sent twice';
  if (now.killSwitch) return 'never, while the kill switch is on';
  if (now.shadow === 'never') return `never: ${shadowFlag} is off`;
  const other = decision.side === 'monolith' ? migration.service : 'monolith';
  const share = flags.share(shadowFlag);
  if (now.shadow === 'always' || share === null) return `${other} gets a copy (${shadowFlag})`;
  return `${other} gets a copy of ${percent(share)} of requests (${shadowFlag})`;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
