import { expect, test } from 'vitest';
import { RuleNotWritten, writeRule } from './write-rule.ts';

const route = { id: 'list', method: 'GET', path: '/api/products' };
const RULE = `ignore('/took', 'Time taken')`;
const before = (list: string) => `import { defineMigration, read } from 'strangler-migrations/define';

/** Kept as it is. */
export default defineMigration({
  capability: 'catalog',
  routes: { list: ${list}, item: read('GET /api/products/:id') },
});
`;

test.for([
  [`read('GET /api/products')`, `read('GET /api/products', { compare: [${RULE}] })`],
  [`read("GET /api/products",\n  )`, `read("GET /api/products", { compare: [${RULE}] })`],
  [`read('GET /api/products', { compare: [] })`, `read('GET /api/products', { compare: [${RULE}] })`],
  [
    `read('GET /api/products', {\n compare: [ignore('/a', 'b')] })`,
    `read('GET /api/products', {\n compare: [${RULE}, ignore('/a', 'b')] })`,
  ],
])('%s becomes %s', ([was, is]) => {
  const expected = before(is!).replace('{ defineMigration', '{ ignore, defineMigration');
  expect(writeRule(before(was!), route, RULE)).toBe(expected);
});

test('an import that is there is not repeated, and one on lines of its own gets a line', () => {
  const known = before(`read('GET /api/products')`).replace('read }', 'ignore, read }');
  expect(writeRule(known, route, RULE).match(/import \{[^}]*ignore/g)).toHaveLength(1);
  const lines = before(`read('GET /api/products')`).replace(
    '{ defineMigration, read }',
    '{\n  defineMigration,\n  read,\n}',
  );
  expect(writeRule(lines, route, RULE)).toContain('{\n  ignore,\n  defineMigration,');
});

test.for([
  ['a route that is made elsewhere', before('listRoute'), RULE],
  ['options that are made elsewhere', before(`read('GET /api/products', options)`), RULE],
  ['a route that stands there twice', before(`read('GET /api/products')`).repeat(2), RULE],
  ['what is no rule', before(`read('GET /api/products')`), `process.exit()`],
])('%s is left to the person, and nothing is guessed', ([, text, rule]) => {
  expect(() => writeRule(text!, route, rule!)).toThrow(RuleNotWritten);
});
