import type { CompareRule } from 'strangler-migrations/define';

/** The rules of a route, arranged by path. Made by {@link compileRules}. */
export interface CompiledRules {
  /** What holds for the body's root; undefined if no rule speaks of the body. */
  readonly body: RuleNode | undefined;
  /** Header name in lower case -> why it may differ. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What the rules say of one place in a body, and of the places below it. */
export interface RuleNode {
  readonly ignore?: string;
  readonly unordered?: { readonly by?: string };
  readonly tolerance?: number;
  readonly members: ReadonlyMap<string, RuleNode>;
  /** What holds for every member or item that {@link members} does not name. */
  readonly any?: RuleNode;
}

/** Arranges a route's rules for the comparison; done once per route, as it costs more than looking them up. */
export function compileRules(rules: readonly CompareRule[]): CompiledRules {
  const headers = new Map<string, string>();
  const paths: Rule[] = [];
  for (const rule of rules) {
    if (rule.kind === 'ignore-header') {
      headers.set(rule.header.toLowerCase(), rule.reason);
    } else {
      paths.push({ segments: segmentsOf(rule.path), rule });
    }
  }
  return { body: compileNode(paths), headers };
}

/** The rules for one member of an object or one item of an array. */
export function below(node: RuleNode | undefined, segment: string | number): RuleNode | undefined {
  return node === undefined ? undefined : (node.members.get(String(segment)) ?? node.any);
}

interface Rule {
  readonly segments: readonly string[];
  readonly rule: Exclude<CompareRule, { kind: 'ignore-header' }>;
}

function compileNode(rules: readonly Rule[]): RuleNode | undefined {
  if (rules.length === 0) {
    return undefined;
  }
  const further = rules.filter(({ segments }) => segments.length > 0);
  const starting = (wanted: readonly string[]) =>
    further
      .filter(({ segments }) => wanted.includes(segments[0]!))
      .map(({ segments, rule }) => ({ segments: segments.slice(1), rule }));
  const names = new Set(further.map(({ segments }) => segments[0]!).filter((name) => name !== '*'));
  const any = compileNode(starting(['*']));
  const node: Mutable<RuleNode> = {
    // A named place follows the rules for every place as well.
    members: new Map([...names].map((name) => [name, compileNode(starting([name, '*']))!])),
    ...(any === undefined ? {} : { any }),
  };
  for (const { segments, rule } of rules) {
    if (segments.length > 0) {
      continue;
    }
    if (rule.kind === 'ignore') {
      node.ignore = rule.reason;
    } else if (rule.kind === 'tolerance') {
      node.tolerance = Math.max(rule.within, node.tolerance ?? 0);
    } else {
      node.unordered = rule.by === undefined ? {} : { by: rule.by };
    }
  }
  return node;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function segmentsOf(path: string): readonly string[] {
  return path
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}
