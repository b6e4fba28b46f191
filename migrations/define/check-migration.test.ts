import { describe, expect, test } from 'vitest';
import { checkMigrations } from './check-migrations.ts';
import {
  asHtml,
  cents,
  code,
  defineMigration,
  flag,
  ignore,
  ignoreHeader,
  integer,
  list,
  type Migration,
  type MigrationDeclaration,
  MigrationError,
  mapSide,
  pair,
  read,
  rows,
  sameFormat,
  text,
  tolerance,
  unordered,
  write,
} from './index.ts';

const products = rows({
  source: 'prod',
  target: 'product',
  key: { id: integer('prod_id') },
  columns: { name: text('prod_nm'), price_cents: cents('prod_prc') },
});
const valid: MigrationDeclaration = {
  capability: 'catalog',
  routes: { 'list-products': read('GET /api/products'), product: read('GET /api/products/:id') },
  tables: [products],
};

/** Faults as "where: problem", for declarations that the compiler would refuse too. */
function faultsOf(changes: Record<string, unknown>): readonly string[] {
  try {
    defineMigration({ ...valid, ...changes } as MigrationDeclaration);
    return [];
  } catch (error) {
    const { faults } = error as MigrationError;
    for (const { mend } of faults) expect(mend).not.toBe('');
    return faults.map(({ where, problem }) => `${where}: ${problem}`);
  }
}

test('a right declaration becomes a migration, whose service bears its name unless it says otherwise', () => {
  expect(defineMigration(valid)).toMatchObject({ capability: 'catalog', service: 'catalog', follows: [] });
  expect(defineMigration({ ...valid, service: 'products' }).service).toBe('products');
});

test('all faults are told at once, each with where it is and how to mend it', () => {
  const broken = {
    ...valid,
    capability: 'Catalog',
    routes: { a: read('GET /a?b=c'), b: read('GET /x', { compare: [ignore('/total', '  ')] }) },
    tables: [rows({ source: 'prod', target: 'product', key: {}, columns: { path: list('cat_path', '//') } })],
  };
  expect(() => defineMigration(broken)).toThrow(MigrationError);
  expect(() => defineMigration(broken)).toThrow(
    [
      '5 faults in the declarations:',
      '- Catalog: capability',
      '    "Catalog" is no name in kebab-case',
      '    -> Use lower-case letters, digits and single dashes, beginning with a letter, at most 40 in all: list-products',
      '- Catalog: routes.a',
      '    the path "/a?b=c" holds more than a path',
      '    -> Leave the query out: a route matches whatever the query is',
      '- Catalog: routes.b: compare[0] ignore',
      '    it has no reason',
      '    -> Say why the difference does not count: whoever reads a report has to trust it',
      '- Catalog: tables[0] prod -> product: key',
      '    it is empty, so no row could be found again',
      '    -> Map the columns of the primary key under "key": { id: integer("prod_id") }; a pair cannot be one',
      '- Catalog: tables[0] prod -> product: columns.path',
      '    the separator "//" has to be one character',
      "    -> Mend the arguments of list('cat_path', ...)",
    ].join('\n'),
  );
});

describe('names', () => {
  test.each(['', '1st', 'a--b', 'a-', '-a', 'a_b', 'aB', 'a b', 'a.b', 'ä'])('"%s" is refused', (name) => {
    expect(faultsOf({ capability: name })[0]).toContain('is no name in kebab-case');
    expect(faultsOf({ service: name })[0]).toContain('service: ');
    expect(faultsOf({ routes: { [name]: read('GET /a') } })[0]).toContain('is no name in kebab-case');
  });

  test('a name that is too long, or taken by the toolkit, is refused', () => {
    expect(faultsOf({ capability: 'a'.repeat(41) })).toEqual([expect.stringContaining('has 41 characters')]);
    expect(faultsOf({ capability: 'a'.repeat(40) })).toEqual([]);
    expect(faultsOf({ capability: 'strangler' })).toEqual([expect.stringContaining("the toolkit's own")]);
    expect(faultsOf({ routes: { write: read('GET /a') } })).toEqual([
      expect.stringContaining('catalog.write is the flag'),
    ]);
  });
});

describe('routes', () => {
  test.each([
    ['/api/products/', 'empty segment'],
    ['/api//products', 'empty segment'],
    ['/api/../products', 'segment ".."'],
    ['/./api', 'segment "."'],
    ['/api/products#top', 'more than a path'],
    ['/api/products?page=1', 'more than a path'],
    ['/api/:id/parts/:id', 'two parameters :id'],
    ['/api/:', 'parameter ":"'],
    ['/api/:id.json', 'parameter ":id.json"'],
    ['/api/*', 'segment "*"'],
    ['/api/a b', 'segment "a b"'],
    ['/api/caf%C3%A9', 'segment "caf%C3%A9"'],
    ['api', 'does not begin with a slash'],
  ])('the path %s is refused', (path, problem) => {
    const route = { kind: 'read', method: 'GET', path, compare: [] };
    expect(faultsOf({ routes: { a: route } })).toEqual([expect.stringContaining(problem)]);
  });

  test.each(['/', '/a', '/a/:id', '/a.b/c-d_e~f', '/a/:id/b/:other', "/o'clock/(x)/v1:run", '/@me'])(
    'the path %s is taken',
    (path) => {
      expect(faultsOf({ routes: { a: { kind: 'read', method: 'GET', path, compare: [] } } })).toEqual([]);
    },
  );

  test('a method of the wrong kind is refused', () => {
    const route = (kind: string, method: string) => ({ kind, method, path: '/a', compare: [] });
    expect(faultsOf({ routes: { a: route('read', 'POST') } })).toEqual([
      'catalog: routes.a: "POST" is no method of a read route',
    ]);
    expect(faultsOf({ routes: { a: route('write', 'GET') } })).toEqual([
      'catalog: routes.a: "GET" is no method of a write route',
    ]);
    expect(faultsOf({ routes: { a: route('read', 'get') } })).toHaveLength(1);
  });

  test('two routes that match the same requests are refused, whatever their parameters are called', () => {
    const routes = (...all: ReturnType<typeof read>[]) =>
      Object.fromEntries(all.map((route, place) => [`r${place}`, route]));
    expect(faultsOf({ routes: routes(read('GET /a/:x'), read('GET /a/:y')) })).toEqual([
      'catalog: routes.r1: GET /a/:y matches the same requests as routes.r0 (GET /a/:x)',
    ]);
    expect(
      faultsOf({ routes: routes(read('GET /a/:x'), write('PUT /a/:x'), read('GET /a/b'), read('GET /a/:x/c')) }),
    ).toEqual([]);
  });

  test('comparison rules have a reason, a JSON Pointer, a distance, the name of a header', () => {
    const faults = (...compare: unknown[]) =>
      faultsOf({ routes: { a: { kind: 'read', method: 'GET', path: '/a', compare } } }).map((fault) =>
        fault.replace(/^.*compare/, ''),
      );
    const bad = 'products/*/price' as '/';
    expect(
      faults(
        ignore(bad, 'why'),
        unordered('/a~2', 'why'),
        tolerance('/a', -1, 'why'),
        tolerance('/a', Number.NaN, 'why'),
        ignoreHeader('X Y', 'why'),
        ignoreHeader('x-y', ''),
        ignore('/a', 'why', { until: '2027-02-30' }),
        ignore('/a', 'why', { owner: ' ' }),
        asHtml('why', { until: 'soon' }),
        sameFormat('/a', 'roman' as 'case', 'why'),
        mapSide('/a', 'left' as 'control', {}, 'why'),
      ),
    ).toEqual([
      '[0] ignore: "products/*/price" is no JSON path',
      '[1] unordered: "/a~2" is no JSON path',
      '[2] tolerance: -1 is no distance',
      '[3] tolerance: NaN is no distance',
      '[4] ignore-header: "x y" is no name of a header',
      '[5] ignore-header: it has no reason',
      '[6] ignore: "2027-02-30" is no day',
      '[7] ignore: its owner is empty',
      '[8] html: "soon" is no day',
      '[9] format: "roman" is no format',
      '[10] map: "left" is no side',
    ]);
    expect(
      faults(
        asHtml('why', { owner: 'shop', until: '2028-02-29' }),
        sameFormat('/a', 'timestamp', 'why'),
        mapSide('/a', 'control', { 1: 'a' }, 'why'),
        ignore('', 'why'),
        ignore('/a~1b/*/', 'why'),
        tolerance('/a', 0, 'why'),
        ignoreHeader('ETag', 'why'),
      ),
    ).toEqual([]);
  });
});

describe('tables', () => {
  const size = pair({
    name: 'size',
    source: { wdth: 'integer', prod_nm: 'text' },
    target: { size: 'text', name: 'text' },
    forward: () => ({ size: null, name: null }),
    back: () => ({ wdth: null, prod_nm: null }),
  });
  const where = 'catalog: tables[0] prod -> product';
  const table = (changes: Record<string, unknown>) => ({ tables: [{ ...products, ...changes }] });
  const map = (columns: Record<string, ReturnType<typeof text>>) =>
    Object.entries(columns).map(([target, codec]) => ({ target, codec }));

  test('a column that is carried twice is refused, on either side, by codecs or pairs', () => {
    expect(
      faultsOf(table({ columns: map({ name: text('prod_nm'), title: text('prod_nm'), id: text('no') }) })),
    ).toEqual([
      `${where}: columns.title: the source column prod_nm is carried by columns.name already`,
      `${where}: columns.id: the target column id is carried by key.id already`,
    ]);
    expect(faultsOf(table({ columns: map({ name: text('prod_nm') }), pairs: [size] }))).toEqual([
      `${where}: pairs[0] size: the source column prod_nm is carried by columns.name already`,
      `${where}: pairs[0] size: the target column name is carried by columns.name already`,
    ]);
  });

  test('codecs whose arguments are wrong are refused', () => {
    const columns = {
      a: code('a', { 1: 'x', 2: 'x' as 'y' }),
      b: code('b', {}),
      c: flag('c', { true: 'Y', false: 'Y' }),
      d: list('d', ''),
    };
    expect(faultsOf(table({ columns: map(columns) }))).toEqual([
      `${where}: columns.a: 1 and 2 both mean x: the way back would have to guess`,
      `${where}: columns.b: it lists no code`,
      `${where}: columns.c: it says yes and no by the same code, Y`,
      `${where}: columns.d: the separator "" has to be one character`,
    ]);
  });

  test('what is left behind has a reason, and is not carried after all', () => {
    expect(faultsOf(table({ unmapped: { source: { prod_nm: 'why', x: ' ' }, target: { name: 'why' } } }))).toEqual([
      `${where}: unmapped.source.prod_nm: columns.name carries it`,
      `${where}: unmapped.source.x: it has no reason`,
      `${where}: unmapped.target.name: columns.name carries it`,
    ]);
  });

  test('a key made by a pair, and a pair without columns on one side, are refused', () => {
    const empty = { ...size, name: 'empty', source: {}, target: {} };
    expect(faultsOf(table({ key: [], pairs: [empty] }))).toEqual([
      `${where}: key: it is empty, so no row could be found again`,
      `${where}: pairs[0] empty: it has no column on one of its sides`,
    ]);
  });

  test('a table without a name is refused', () => {
    expect(faultsOf(table({ source: { schema: 'public', name: '' }, target: { schema: 'a', name: 'b.c' } }))).toEqual([
      'catalog: tables[0]  -> a.b.c: source: "public." is no name of a table',
      'catalog: tables[0]  -> a.b.c: target: "a.b.c" is no name of a table',
    ]);
  });

  test('two mappings may fill one table, but not the same columns of it', () => {
    const stock = { source: 'inv', target: 'product', key: { id: integer('prod_id') } };
    expect(faultsOf({ follows: [rows({ ...stock, columns: { on_hand: integer('qty') } })] })).toEqual([]);
    expect(faultsOf({ follows: [rows({ ...stock, columns: { name: text('nm') } })] })).toEqual([
      'catalog: follows[0] inv -> product: tables[0] prod -> product writes name of product too',
    ]);
  });

  test('two mappings of one source may not write the same columns back', () => {
    const copy = {
      source: 'prod',
      target: 'copy',
      key: { id: integer('prod_id') },
      columns: { title: text('prod_nm') },
    };
    expect(faultsOf({ tables: [products, rows(copy)] })).toEqual([
      'catalog: tables[1] prod -> copy: tables[0] prod -> product writes prod_nm of prod too',
    ]);
    expect(faultsOf({ follows: [rows(copy)] })).toEqual([]);
  });
});

test('two declarations may not claim the same name, requests or rows', () => {
  const other = (changes: Partial<MigrationDeclaration>): Migration =>
    defineMigration({ capability: 'search', routes: {}, tables: [], ...changes });
  const faults = (migration: Migration) =>
    checkMigrations([defineMigration(valid), migration]).map(({ where, problem }) => `${where}: ${problem}`);
  expect(faults(other({ capability: 'catalog' }))).toEqual(['catalog: capability: two files declare it']);
  expect(faults(other({ routes: { one: read('GET /api/products/:code') } }))).toEqual([
    'search: routes.one: GET /api/products/:code matches the same requests as catalog: routes.product',
  ]);
  expect(faults(other({ tables: [products] }))).toEqual([
    'search: tables[0] prod -> product: catalog: tables[0] prod -> product owns the rows of prod too',
  ]);
  expect(faults(other({ follows: [products] }))).toEqual([]);
});
