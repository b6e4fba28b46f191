import type { CompareRule, SideMapping, TextFormat } from 'strangler-migrations/define';

/** The rules of a route, arranged by path. Made by {@link compileRules}. */
export interface CompiledRules {
  /** What holds for the body's root; undefined if no rule speaks of the body. */
  readonly body: RuleNode | undefined;
  /** Header name in lower case -> the rule by which it may differ. */
  readonly headers: ReadonlyMap<string, RuleUse>;
  /** The rule by which pages are compared by their texts and links. */
  readonly html: RuleUse | undefined;
  /** Every rule of the route, in its place in the declaration, the expired ones too. */
  readonly uses: readonly RuleUse[];
  /** When the next rule expires, in milliseconds since 1970: what is compiled here holds until then. */
  readonly holdsUntil: number;
}

/** A rule, and how often it mattered: a rule that never does is dead, and hides what comes later. */
export interface RuleUse {
  readonly rule: CompareRule;
  /** Past its last day: what it excused counts again. */
  readonly expired: boolean;
  /** Places in which answers would have differed without it. */
  count: number;
}

/** What the rules say of one place in a body, and of the places below it. */
export interface RuleNode {
  readonly ignore?: RuleUse;
  readonly unordered?: { readonly by?: string; readonly use: RuleUse };
  readonly tolerance?: { readonly within: number; readonly use: RuleUse };
  readonly formats?: readonly { readonly format: TextFormat; readonly use: RuleUse }[];
  readonly maps?: readonly { readonly side: Side; readonly to: SideMapping; readonly use: RuleUse }[];
  readonly members: ReadonlyMap<string, RuleNode>;
  /** What holds for every member or item that {@link members} does not name. */
  readonly any?: RuleNode;
}

export type Side = 'control' | 'candidate';

/** Arranges a route's rules for the comparison; done once per route, as it costs more than looking them up. */
export function compileRules(rules: readonly CompareRule[], now: number = Date.now()): CompiledRules {
  return arrange(rules.map((rule) => ({ rule, expired: endOf(rule) <= now, count: 0 })));
}

/** The same rules and some more; what is counted for the former is counted in both. */
export function extendRules(compiled: CompiledRules, more: readonly CompareRule[]): CompiledRules {
  return arrange([...compiled.uses, ...more.map((rule) => ({ rule, expired: false, count: 0 }))]);
}

function arrange(uses: readonly RuleUse[]): CompiledRules {
  const inForce = uses.filter(({ expired }) => !expired);
  const headers = new Map<string, RuleUse>();
  const placed: Placed[] = [];
  let html: RuleUse | undefined;
  for (const use of inForce) {
    const { rule } = use;
    if (rule.kind === 'ignore-header') {
      headers.set(rule.header.toLowerCase(), use);
    } else if (rule.kind === 'html') {
      html = use;
    } else {
      placed.push({ segments: segmentsOf(rule.path), rule, use });
    }
  }
  const holdsUntil = Math.min(...inForce.map(({ rule }) => endOf(rule)), Number.POSITIVE_INFINITY);
  return { body: compileNode(placed), headers, html, uses, holdsUntil };
}

/** The rules for one member of an object or one item of an array. */
export function below(node: RuleNode | undefined, segment: string | number): RuleNode | undefined {
  return node === undefined ? undefined : (node.members.get(String(segment)) ?? node.any);
}

/** The first moment after the rule's last day. */
function endOf({ until }: CompareRule): number {
  return until === undefined ? Number.POSITIVE_INFINITY : Date.parse(`${until}T00:00:00Z`) + 24 * 60 * 60 * 1000;
}

interface Placed {
  readonly segments: readonly string[];
  readonly rule: Exclude<CompareRule, { kind: 'ignore-header' | 'html' }>;
  readonly use: RuleUse;
}

function compileNode(rules: readonly Placed[]): RuleNode | undefined {
  if (rules.length === 0) {
    return undefined;
  }
  const further = rules.filter(({ segments }) => segments.length > 0);
  const starting = (wanted: readonly string[]) =>
    further
      .filter(({ segments }) => wanted.includes(segments[0]!))
      .map((placed) => ({ ...placed, segments: placed.segments.slice(1) }));
  const names = new Set(further.map(({ segments }) => segments[0]!).filter((name) => name !== '*'));
  const any = compileNode(starting(['*']));
  const node: Mutable<RuleNode> = {
    // A named place follows the rules for every place as well.
    members: new Map([...names].map((name) => [name, compileNode(starting([name, '*']))!])),
    ...(any === undefined ? {} : { any }),
  };
  for (const { segments, rule, use } of rules) {
    if (segments.length === 0) {
      applyTo(node, rule, use);
    }
  }
  return node;
}

function applyTo(node: Mutable<RuleNode>, rule: Placed['rule'], use: RuleUse): void {
  switch (rule.kind) {
    case 'ignore':
      node.ignore = use;
      break;
    case 'tolerance':
      if (node.tolerance === undefined || rule.within > node.tolerance.within) {
        node.tolerance = { within: rule.within, use };
      }
      break;
    case 'unordered':
      node.unordered = rule.by === undefined ? { use } : { by: rule.by, use };
      break;
    case 'format':
      node.formats = [...(node.formats ?? []), { format: rule.format, use }];
      break;
    case 'map':
      node.maps = [...(node.maps ?? []), { side: rule.side, to: rule.to, use }];
      break;
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function segmentsOf(path: string): readonly string[] {
  return path
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}
