import type { CompareRule } from './compare-rule.ts';

/** Methods that RFC 9110 section 9.2.1 calls safe, and that a shadow may repeat. */
export type ReadMethod = 'GET' | 'HEAD';
/** Every other method. */
export type WriteMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The unit that traffic moves by. */
export interface Route {
  /** Stable, unique in its capability; part of the flags' and metrics' names. */
  readonly id: string;
  readonly kind: 'read' | 'write';
  readonly method: ReadMethod | WriteMethod;
  /** `/api/products/:id`: a segment that begins with a colon matches any one segment. */
  readonly path: string;
  /** How answers of the two sides are compared; without rules they have to be equal. */
  readonly compare: readonly CompareRule[];
}

/** A route before its id is known: what {@link read} and {@link write} give. */
export type RouteDeclaration = Omit<Route, 'id'>;

/** Declares a route that only reads. HEAD follows GET's route by itself. */
export function read(
  route: `${ReadMethod} /${string}`,
  options: { readonly compare?: readonly CompareRule[] } = {},
): RouteDeclaration {
  return declare('read', route, options.compare);
}

/** Declares a route that writes: it moves with the ownership of the capability, never by a share. */
export function write(
  route: `${WriteMethod} /${string}`,
  options: { readonly compare?: readonly CompareRule[] } = {},
): RouteDeclaration {
  return declare('write', route, options.compare);
}

function declare(kind: Route['kind'], route: string, compare: readonly CompareRule[] = []): RouteDeclaration {
  const space = route.indexOf(' ');
  return { kind, method: route.slice(0, space) as Route['method'], path: route.slice(space + 1), compare };
}
