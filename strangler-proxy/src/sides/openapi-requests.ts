import fc from 'fast-check';
import type { Migration, Route } from 'strangler-migrations/define';
import type { TestRequest } from '../testing.ts';

/** An OpenAPI 3 document, as far as it says what can be asked (https://spec.openapis.org/oas/v3.1.1). */
export interface OpenApiDocument {
  readonly paths?: Readonly<Record<string, unknown>>;
  readonly components?: object;
}

/** What {@link requestsOf} takes. */
export interface RequestsOptions {
  /** Whose read routes are asked. */
  readonly migration: Migration;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

type Node = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Node;
  readonly examples: readonly unknown[];
}

/**
 * Requests that a document allows, for the read routes of a migration: values from its examples, enums, bounds and
 * patterns, and beside them what clients send all the same: nothing, too much, other types, other alphabets, a parameter
 * twice, one that does not exist.
 *
 * `fc.assert(fc.asyncProperty(requestsOf(document, { migration }), async (request) => { ... }))`
 *
 * @throws Error naming the read routes that the document does not describe
 */
export function requestsOf(document: OpenApiDocument, options: RequestsOptions): fc.Arbitrary<TestRequest> {
  const reads = options.migration.routes.filter(({ kind }) => kind === 'read');
  const described = reads.map((route) => ({ route, operation: operationOf(document, route) }));
  const missing = described.filter(({ operation }) => operation === undefined).map(({ route }) => route);
  if (missing.length > 0 || reads.length === 0) {
    const names = missing.map(({ method, path }) => `${method} ${path}`).join(', ');
    throw new Error(names === '' ? 'the migration declares no read route' : `the document does not describe ${names}`);
  }
  const requests = described.map(({ route, operation }) => requestOf(route, operation!, options.headers ?? {}));
  return fc.oneof(...requests);
}

function requestOf(
  { method, path }: Route,
  parameters: readonly Parameter[],
  headers: Readonly<Record<string, string>>,
): fc.Arbitrary<TestRequest> {
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  return fc
    .tuple(
      fc.tuple(...inPath.map(pathText)),
      fc.tuple(...inQuery.map(queryPairs)),
      fc.option(fc.constantFrom('unknown=1', 'utm_source=x', '&', 'page'), { freq: 8, nil: undefined }),
    )
    .map(([segments, pairs, stray]) => {
      const filled = path.replace(/:([A-Za-z_]\w*)/g, (whole, name: string) => {
        const place = inPath.findIndex((parameter) => parameter.name === name);
        return place < 0 ? whole : segments[place]!;
      });
      const query = [...pairs.flat(), ...(stray === undefined ? [] : [stray])].join('&');
      return { method, target: query === '' ? filled : `${filled}?${query}`, headers };
    });
}

/** Most requests leave most of the optional parameters out, as clients do; now and then one comes twice. */
function queryPairs(parameter: Parameter): fc.Arbitrary<readonly string[]> {
  const pair = values(parameter).map((value) => `${encode(parameter.name)}=${encode(value)}`);
  const given = fc.oneof({ weight: 9, arbitrary: fc.tuple(pair) }, { weight: 1, arbitrary: fc.tuple(pair, pair) });
  return parameter.required ? given : fc.option(given, { freq: 2, nil: [] });
}

/** A segment is never empty, and no dots: clients resolve `.` and `..` before they send. */
function pathText(parameter: Parameter): fc.Arbitrary<string> {
  return values(parameter)
    .map(encode)
    .filter((text) => text !== '' && !/^\.{1,2}$/.test(text));
}

function values({ schema, examples }: Parameter): fc.Arbitrary<string> {
  const likely = ofSchema(schema);
  const told = examples.length > 0 ? [{ weight: 5, arbitrary: fc.constantFrom(...examples.map(String)) }] : [];
  return fc.oneof(...told, { weight: 4, arbitrary: likely }, { weight: 1, arbitrary: unlikely });
}

/** What clients send whatever the document says. */
const unlikely = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e3',
    '1.5',
    '9007199254740993',
    'NaN',
    'null',
    'true',
    '%',
    '_',
    '\\',
    "'",
    '"',
    ' ',
  ),
  fc.constantFrom('Ä', 'ﬁ', '日本', '🔪', 'a\u0301', '\u202e', '..%2f', '<b>', '1;2', '+', '&', '#'),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 10 }),
  fc.constant('x'.repeat(500)),
);

function ofSchema(schema: Node): fc.Arbitrary<string> {
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return fc.constantFrom(...schema.enum.map(String));
  const anyOf = (schema.anyOf ?? schema.oneOf) as readonly Node[] | undefined;
  if (Array.isArray(anyOf) && anyOf.length > 0) return fc.oneof(...anyOf.map(ofSchema));
  const [type] = [schema.type].flat();
  switch (type) {
    case 'integer':
      return integers(schema).map(String);
    case 'number':
      return fc.oneof(integers(schema), fc.double({ noNaN: true, ...bounds(schema) })).map(String);
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'array':
      return fc.array(ofSchema((schema.items ?? {}) as Node), { maxLength: 4 }).map((items) => items.join(','));
    default:
      return texts(schema);
  }
}

function texts(schema: Node): fc.Arbitrary<string> {
  if (typeof schema.pattern === 'string') return fc.stringMatching(new RegExp(schema.pattern, 'u'));
  if (schema.format === 'uuid') return fc.uuid();
  if (schema.format === 'date' || schema.format === 'date-time') {
    const length = schema.format === 'date' ? 10 : undefined;
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, length));
  }
  return fc.oneof(fc.stringMatching(/^[a-z]{1,4}$/), fc.integer({ min: 0, max: 200 }).map(String));
}

function integers(schema: Node): fc.Arbitrary<number> {
  const { min = -1, max = 3_000 } = bounds(schema);
  const [low, high] = [Math.ceil(min), Math.floor(Math.max(min, max))];
  // The bounds and their neighbours are where services are one off.
  return fc.oneof(
    fc.constantFrom(low - 1, low, low + 1, high - 1, high, high + 1),
    fc.integer({ min: low, max: high }),
  );
}

function bounds({ minimum, maximum }: Node): { readonly min?: number; readonly max?: number } {
  return {
    ...(typeof minimum === 'number' ? { min: minimum } : {}),
    ...(typeof maximum === 'number' ? { max: maximum } : {}),
  };
}

/** What the document says of a route; undefined if it does not know it. */
function operationOf(document: OpenApiDocument, route: Route): readonly Parameter[] | undefined {
  const shape = (path: string) => path.replace(/\{[^}]*\}|:[A-Za-z_]\w*/g, '{}');
  const [path, item] = Object.entries(document.paths ?? {}).find(([each]) => shape(each) === shape(route.path)) ?? [];
  const pathItem = resolve(document, item) as Node | undefined;
  const operation = pathItem && (resolve(document, pathItem[route.method.toLowerCase()]) as Node | undefined);
  if (path === undefined || pathItem === undefined || operation === undefined) return undefined;
  const listed = [pathItem.parameters, operation.parameters].flatMap((list) => (Array.isArray(list) ? list : []));
  // The names of path parameters may differ between the document and the declaration; their order does not.
  const names = [...route.path.matchAll(/:([A-Za-z_]\w*)/g)].map(([, name]) => name!);
  const theirs = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name!);
  return listed.map((entry) => {
    const parameter = resolve(document, entry) as Node;
    const schema = (resolve(document, parameter.schema) ?? {}) as Node;
    const name = String(parameter.name);
    return {
      name: parameter.in === 'path' ? (names[theirs.indexOf(name)] ?? name) : name,
      in: String(parameter.in),
      required: parameter.required === true,
      schema,
      examples: examplesOf(parameter, schema),
    };
  });
}

function examplesOf(parameter: Node, schema: Node): readonly unknown[] {
  const named = Object.values((parameter.examples ?? {}) as Record<string, Node>).map(({ value }) => value);
  const listed = Array.isArray(schema.examples) ? schema.examples : [];
  return [parameter.example, schema.example, schema.default, ...named, ...listed].filter((each) => each !== undefined);
}

/** Follows `#/components/...`, once: a reference to a reference is not used for parameters. */
function resolve(document: OpenApiDocument, node: unknown): unknown {
  const reference = (node as Node | undefined)?.$ref;
  if (typeof reference !== 'string') return node;
  const plain = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~');
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, part) => (at as Node | undefined)?.[plain(part)], document);
}

/** As a browser encodes a form (URL standard, "application/x-www-form-urlencoded percent-encode set"), but for the plus. */
function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
