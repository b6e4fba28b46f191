import { expectTypeOf, test } from 'vitest';
import {
  cents,
  code,
  integer,
  list,
  pair,
  read,
  rows,
  type SourceRow,
  type TargetRow,
  type TextRow,
  text,
  write,
} from './index.ts';

// What these say is checked by the compiler; each "@ts-expect-error" is an error itself once its line compiles.

const size = pair({
  name: 'size',
  source: { wdth: 'integer', hght: 'integer' },
  target: { size: 'text' },
  forward: ({ wdth, hght }) => ({ size: `${wdth}x${hght}` }),
  back: ({ size: both }) => {
    const [wdth = null, hght = null] = both?.split('x') ?? [];
    return { wdth, hght };
  },
});

test('the rows of both sides follow from the declaration', () => {
  const products = rows({
    source: 'prod',
    target: 'product',
    key: { id: integer('prod_id') },
    columns: { name: text('prod_nm'), price_cents: cents('prod_prc'), path: list('cat_path', '/') },
    pairs: [size],
  });
  expectTypeOf<SourceRow<typeof products>>().toEqualTypeOf<
    TextRow<'prod_id' | 'prod_nm' | 'prod_prc' | 'cat_path' | 'wdth' | 'hght'>
  >();
  expectTypeOf<TargetRow<typeof products>>().toEqualTypeOf<TextRow<'id' | 'name' | 'price_cents' | 'path' | 'size'>>();
});

test('a target column that is filled twice does not compile', () => {
  rows({
    source: 'prod',
    target: 'product',
    key: { id: integer('prod_id') },
    columns: {
      // @ts-expect-error: id is in the key already
      id: integer('prod_no'),
    },
  });
  rows({
    source: 'prod',
    target: 'product',
    key: { id: integer('prod_id') },
    columns: {
      // @ts-expect-error: the pair fills size already
      size: text('sz'),
    },
    pairs: [size],
  });
});

test('a pair whose functions give other columns than it declares does not compile', () => {
  const declared = { name: 'size', source: { sz: 'text' }, target: { size: 'text' } } as const;
  pair({
    ...declared,
    // @ts-expect-error: the target column is called size
    forward: ({ sz }) => ({ sizes: sz }),
    back: ({ size: one }) => ({ sz: one }),
  });
  pair({
    ...declared,
    // @ts-expect-error: nobody has declared unit
    forward: ({ sz }) => ({ size: sz, unit: 'cm' }),
    back: ({ size: one }) => ({ sz: one }),
  });
  pair({
    ...declared,
    forward: ({ sz }) => ({ size: sz }),
    // @ts-expect-error: sz is missing
    back: () => ({}),
  });
  pair({
    ...declared,
    // @ts-expect-error: there is no source column sze
    forward: ({ sze }) => ({ size: sze }),
    back: ({ size: one }) => ({ sz: one }),
  });
});

test('two codes with one meaning do not compile', () => {
  code('prod_st', { 1: 'active', 2: 'hidden' });
  // @ts-expect-error: the way back would have to guess
  code('prod_st', { 1: 'active', 2: 'active' });
});

test('a route with the wrong kind of method, or without a leading slash, does not compile', () => {
  read('GET /api/products');
  write('POST /api/products');
  // @ts-expect-error: POST writes
  read('POST /api/products');
  // @ts-expect-error: GET reads
  write('GET /api/products');
  // @ts-expect-error: no leading slash
  read('GET api/products');
});
