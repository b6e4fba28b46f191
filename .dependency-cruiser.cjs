/**
 * Who may import whom: the table of docs/architecture.md as rules. Type-only imports count like any other.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */

const OURS = '^(monolith|extracted|migrations|strangler-proxy|cdc|stack|tests)/';
// strangler-proxy/src/testing.ts is not ours to test with: the package exports it.
const TEST_CODE = '(\\.test\\.ts|/testing/.+\\.ts|(?<!^strangler-proxy/src)/testing\\.ts)$';
const TESTING_HELPERS = '^stack/src/testing\\.ts$';

/** A room's code may import, of ours, only what is allowed; its tests may also use the real parts of stack/testing. */
function room(name, from, allowed, comment) {
  const forbidden = (what, side, more) => ({
    name: `${name}${what}`,
    comment,
    severity: 'error',
    from: side,
    to: { path: OURS, pathNot: [...allowed, ...more] },
  });
  return [
    forbidden('', { path: from, pathNot: TEST_CODE }, []),
    forbidden('-tests', { path: `${from}.*${TEST_CODE}` }, [TESTING_HELPERS]),
  ];
}

module.exports = {
  forbidden: [
    ...room('monolith', '^monolith/', ['^monolith/'], 'The legacy application knows nothing of this toolkit.'),
    ...room(
      'chassis',
      '^extracted/chassis/',
      ['^extracted/chassis/'],
      'What every service has depends on none of them.',
    ),
    ...room(
      'service',
      '^extracted/(?!chassis/)([^/]+)/',
      ['^extracted/(chassis|$1)/'],
      'A service stands on the chassis alone; it never imports another service.',
    ),
    ...room('define', '^migrations/define/', ['^migrations/define/'], 'The vocabulary stands by itself.'),
    ...room(
      'declaration',
      '^migrations/(?!define/|workflow/)([^/]+)/',
      ['^migrations/(define|$1)/'],
      'A declaration is written in the vocabulary and in nothing else.',
    ),
    ...room(
      'workflow',
      '^migrations/workflow/',
      ['^migrations/(define|workflow)/'],
      "The control plane talks to proxy and cdc over their interfaces; it imports neither's insides.",
    ),
    ...room(
      'proxy',
      '^strangler-proxy/',
      ['^strangler-proxy/', '^migrations/define/'],
      'The proxy knows declarations, not migrations.',
    ),
    ...room(
      'cdc',
      '^cdc/',
      ['^cdc/', '^migrations/define/'],
      'Change data capture knows declarations, not migrations.',
    ),
    {
      name: 'verify-by-itself',
      comment: 'What checks the copying shares no code with it: a fault in both would not be seen.',
      severity: 'error',
      from: { path: '^cdc/src/verify/', pathNot: TEST_CODE },
      to: { path: '^cdc/src/(apply|capture|load)/|^cdc/src/(map|stream)\\.ts$', reachable: true },
    },
    {
      name: 'stack-not-from-below',
      comment: 'The launcher and the end-to-end tests are the top: nobody imports the tests.',
      severity: 'error',
      from: { pathNot: '^tests/' },
      to: { path: '^tests/' },
    },
    {
      name: 'past-the-exports',
      comment:
        "Another package is imported by its name, through what it exports; its files' places are its own affair.",
      severity: 'error',
      from: { path: '^(extracted/[^/]+|[^/]+)/' },
      to: { path: OURS, pathNot: '^$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'code-imports-tests',
      comment: 'What runs does not import what tests it.',
      severity: 'error',
      from: {
        path: OURS,
        pathNot: [TEST_CODE, '^tests/', '^stack/src/(testing|test-)', '^strangler-proxy/src/testing\\.ts$'],
      },
      to: { path: [TEST_CODE, TESTING_HELPERS, '/vitest/'] },
    },
    {
      name: 'circle',
      comment: 'Files that need each other to be understood are one file, or want a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'undeclared',
      comment:
        'Every package is named in the package.json of the workspace that imports it, so that it works by itself.',
      severity: 'error',
      from: { path: OURS },
      // One that is both a peer and a development dependency is called `npm-no-pkg` as well.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-dev'] },
    },
    {
      name: 'unresolvable',
      comment: 'There is no such file, or the package does not export it.',
      severity: 'error',
      from: { path: OURS },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser could use; swc parses TypeScript too, and keeps type-only imports.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(generated|dist)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
