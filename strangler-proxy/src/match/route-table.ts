import type { Migration, Route } from 'strangler-migrations/define';

/** A declared route with the migration it belongs to. */
export interface DeclaredRoute {
  readonly route: Route;
  readonly migration: Migration;
  /** `catalog.product`: what flags, log and metrics call it; never the raw path. */
  readonly name: string;
}

/** Finds the declared route of a request. */
export interface RouteTable<Entry> {
  /** @param target the request target in origin form, as the client sent it: `/api/products/7?x=%2F`. */
  match(method: string, target: string): Entry | undefined;
}

interface Node<Entry> {
  readonly literal: Map<string, Node<Entry>>;
  parameter: Node<Entry> | undefined;
  readonly byMethod: Map<string, Entry>;
}

/**
 * Compiles declared routes into a trie over path segments.
 *
 * It compares the bytes that the client sent. Nothing is decoded, and no dot segment, double slash, letter case or
 * trailing slash is made equal to another: two servers need not agree on any of these (RFC 3986 section 6.2.2 only
 * permits it), so whatever is not literally a declared path is the monolith's, as it was before.
 *
 * @throws Error naming every pair of routes that would match the same requests.
 */
export function compileRoutes<Entry extends DeclaredRoute>(entries: readonly Entry[]): RouteTable<Entry> {
  const root = node<Entry>();
  const faults: string[] = [];
  for (const entry of entries) {
    const { method, path } = entry.route;
    const leaf = path.slice(1).split('/').reduce(child, root);
    const other = leaf.byMethod.get(method);
    if (other !== undefined) {
      faults.push(`${entry.name} (${method} ${path}) matches the same requests as ${other.name}: remove one of them`);
    }
    leaf.byMethod.set(method, entry);
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return {
    match(method, target) {
      const question = target.indexOf('?');
      const end = question < 0 ? target.length : question;
      return find(root, method, target, 1, end);
    },
  };
}

/** Every route of these migrations, in the order of their declaration. */
export function declaredRoutes(migrations: readonly Migration[]): DeclaredRoute[] {
  return migrations.flatMap((migration) =>
    migration.routes.map((route) => ({ route, migration, name: `${migration.capability}.${route.id}` })),
  );
}

function child<Entry>(parent: Node<Entry>, segment: string): Node<Entry> {
  if (segment.startsWith(':')) {
    parent.parameter ??= node();
    return parent.parameter;
  }
  let found = parent.literal.get(segment);
  if (found === undefined) {
    found = node();
    parent.literal.set(segment, found);
  }
  return found;
}

function node<Entry>(): Node<Entry> {
  return { literal: new Map(), parameter: undefined, byMethod: new Map() };
}

/** A literal segment beats a parameter; where it leads to nothing, the parameter gets its turn. */
function find<Entry>(at: Node<Entry>, method: string, target: string, from: number, end: number): Entry | undefined {
  const slash = target.indexOf('/', from);
  const last = slash < 0 || slash >= end;
  const segment = target.slice(from, last ? end : slash);
  const literal = at.literal.get(segment);
  if (literal !== undefined) {
    const found = last ? entryOf(literal, method) : find(literal, method, target, slash + 1, end);
    if (found !== undefined) return found;
  }
  const { parameter } = at;
  if (parameter === undefined || segment === '' || isDotSegment(segment)) return undefined;
  return last ? entryOf(parameter, method) : find(parameter, method, target, slash + 1, end);
}

/** HEAD is GET without the content (RFC 9110 section 9.3.2), so it is served by the same side. */
function entryOf<Entry>(at: Node<Entry>, method: string): Entry | undefined {
  return at.byMethod.get(method) ?? (method === 'HEAD' ? at.byMethod.get('GET') : undefined);
}

/** `.` and `..`, also percent-encoded (RFC 3986 section 6.2.2.3): a server may take them for steps in the path. */
function isDotSegment(segment: string): boolean {
  if (segment.length > 6) return false;
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}
