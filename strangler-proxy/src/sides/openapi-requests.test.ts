import fc from 'fast-check';
import { defineMigration, read, write } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { requestsOf } from './openapi-requests.ts';

const migration = defineMigration({
  capability: 'catalog',
  routes: { item: read('GET /items/:id'), list: read('GET /items'), create: write('POST /items') },
  tables: [],
});

const document = {
  paths: {
    '/items/{itemId}': {
      parameters: [{ name: 'itemId', in: 'path', required: true, schema: { type: 'integer', minimum: 1, maximum: 9 } }],
      get: {},
    },
    '/items': {
      get: {
        parameters: [
          { $ref: '#/components/parameters/sort' },
          { name: 'q', in: 'query', required: true, schema: { type: 'string' }, example: 'knife' },
        ],
      },
      post: {},
    },
  },
  components: { parameters: { sort: { name: 'sort', in: 'query', schema: { enum: ['name', '-price'] } } } },
};

const sample = fc.sample(requestsOf(document, { migration, headers: { accept: '*/*' } }), { numRuns: 2_000, seed: 7 });
const targets = sample.map(({ target }) => target);

test('asks the read routes alone, by the document', () => {
  expect(new Set(sample.map(({ method }) => method))).toEqual(new Set(['GET']));
  expect(targets.every((target) => /^\/items(\/[^/?]+)?(\?|$)/.test(target))).toBe(true);
  expect(sample[0]?.headers).toEqual({ accept: '*/*' });
});

test('goes to the bounds and one beyond, to examples and enums', () => {
  for (const id of [0, 1, 2, 8, 9, 10]) expect(targets.some((target) => target.startsWith(`/items/${id}`))).toBe(true);
  expect(targets.some((target) => target.includes('q=knife'))).toBe(true);
  expect(targets.some((target) => target.includes('sort=-price'))).toBe(true);
});

test('always gives what is required, and sends what clients send all the same', () => {
  const lists = targets.filter((target) => /^\/items(\?|$)/.test(target));
  expect(lists.every((target) => /[?&]q=/.test(target))).toBe(true);
  expect(lists.some((target) => !target.includes('sort='))).toBe(true);
  expect(lists.some((target) => (target.match(/q=/g)?.length ?? 0) > 1)).toBe(true);
  expect(lists.some((target) => target.includes('unknown=1'))).toBe(true);
  expect(lists.some((target) => /q=%[CEF]/.test(target))).toBe(true);
});

test('a document that lacks a route is refused, with its name', () => {
  const paths = { '/items': document.paths['/items'] };
  expect(() => requestsOf({ ...document, paths }, { migration })).toThrow('does not describe GET /items/:id');
});
