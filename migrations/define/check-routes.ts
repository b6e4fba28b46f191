import { checkCompareRules } from './check-compare-rules.ts';
import type { Migration } from './declaration.ts';
import type { Fault } from './fault.ts';
import type { Route } from './route.ts';

const READ_METHODS: readonly string[] = ['GET', 'HEAD'];
const WRITE_METHODS: readonly string[] = ['POST', 'PUT', 'PATCH', 'DELETE'];
/** RFC 3986 section 3.3 (`pchar`) without percent-encoding, and without `*`, which reads like a wildcard. */
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()+,;=:@]+$/;
const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** The routes of one declaration: templates, comparison rules, and routes that match the same requests. */
export function checkRoutes(migration: Migration): Fault[] {
  const faults: Fault[] = [];
  const shapes = new Map<string, Route>();
  for (const route of migration.routes) {
    const where = `${migration.capability}: routes.${route.id}`;
    faults.push(...checkMethod(where, route), ...checkTemplate(where, route.path));
    faults.push(...checkCompareRules(`${where}: compare`, route.compare));
    if (route.id === 'write') {
      const problem = `its name is taken: ${migration.capability}.write is the flag of the capability's writes`;
      faults.push({ where, problem, mend: 'Name the route after what it does: create-product' });
    }
    const shape = routeShape(route);
    const other = shapes.get(shape);
    if (other === undefined) shapes.set(shape, route);
    else {
      const problem = `${route.method} ${route.path} matches the same requests as routes.${other.id} (${other.method} ${other.path})`;
      faults.push({ where, problem, mend: 'Keep one of the two' });
    }
  }
  return faults;
}

/** What two routes have in common exactly if they match the same requests: parameters by any name are one. */
export function routeShape(route: Pick<Route, 'method' | 'path'>): string {
  const segments = route.path.split('/').map((segment) => (segment.startsWith(':') ? ':' : segment));
  return `${route.method} ${segments.join('/')}`;
}

function checkMethod(where: string, { kind, method }: Route): readonly Fault[] {
  const methods = kind === 'read' ? READ_METHODS : WRITE_METHODS;
  if (methods.includes(method)) return [];
  const problem = `"${method}" is no method of a ${kind} route`;
  return [{ where, problem, mend: `Use one of ${methods.join(', ')}, as in ${kind}('${methods[0]} /api/products')` }];
}

function checkTemplate(where: string, path: string): readonly Fault[] {
  const fault = (problem: string, mend: string) => ({ where, problem: `the path "${path}" ${problem}`, mend });
  if (path === '/') return [];
  if (!path.startsWith('/')) return [fault('does not begin with a slash', 'Write it from the root: /api/products/:id')];
  if (/[?#]/.test(path)) {
    return [fault('holds more than a path', 'Leave the query out: a route matches whatever the query is')];
  }
  const faults: Fault[] = [];
  const parameters = new Set<string>();
  for (const segment of path.slice(1).split('/')) {
    if (segment === '')
      faults.push(fault('has an empty segment', 'Write one slash between two segments, and none at the end'));
    else if (segment === '.' || segment === '..') {
      faults.push(
        fault(`has a segment "${segment}"`, 'Write the path that it leads to: clients resolve dots before they send'),
      );
    } else if (segment.startsWith(':')) {
      if (!PARAMETER.test(segment)) {
        faults.push(
          fault(
            `has a parameter "${segment}"`,
            'Name it with letters, digits and _ after the colon, nothing else: :id',
          ),
        );
      } else if (parameters.has(segment)) {
        faults.push(fault(`has two parameters ${segment}`, 'Give each a name of its own'));
      }
      parameters.add(segment);
    } else if (!SEGMENT.test(segment)) {
      faults.push(
        fault(
          `has a segment "${segment}"`,
          'Use unencoded characters of a URL path; wildcards are not known, a parameter stands for one segment',
        ),
      );
    }
  }
  return faults;
}
