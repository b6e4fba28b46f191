import {
  cents,
  code,
  defineMigration,
  flag,
  integer,
  list,
  numeric,
  read,
  rows,
  text,
  undeleted,
  utc,
  write,
} from 'strangler-migrations/define';
import { attributes } from './attributes.ts';

const categories = rows({
  source: 'categ',
  target: 'category',
  key: { id: integer('cat_id') },
  columns: {
    slug: text('cat_cd'),
    name: text('cat_nm'),
    path: list('cat_path', '/'),
    position: integer('srt'),
    active: flag('actv', { true: 'Y', false: 'N' }),
  },
});

const products = rows({
  source: 'prod',
  target: 'product',
  key: { id: integer('prod_id') },
  columns: {
    sku: text('sku'),
    name: text('prod_nm'),
    description: text('prod_dsc'),
    brand: text('brnd_nm'),
    category_path: list('cat_path', '/'),
    price_cents: cents('prod_prc'),
    previous_price_cents: cents('old_prc'),
    tax_class: code('tax_cd', { 1: 'standard', 2: 'reduced', 3: 'none' }),
    status: code('prod_st', { 1: 'active', 2: 'hidden', 9: 'deleted' }),
    weight_grams: integer('wght_g'),
    image_variant: integer('img_no'),
    created_at: utc('crt_dt'),
    updated_at: utc('upd_dt'),
  },
  pairs: [attributes],
});

const ratings = rows({
  source: 'prod_sum',
  target: 'product_rating',
  key: { product_id: integer('prod_id') },
  columns: { review_count: integer('rvw_cnt'), average: numeric('rvw_avg') },
});

const stock = rows({
  source: 'inv',
  target: 'product_stock',
  key: { product_id: integer('prod_id') },
  columns: { on_hand: integer('qty_oh'), reserved: integer('qty_rsv') },
  unmapped: {
    source: {
      wh_cd: 'the catalog shows what can be sold, not which warehouse has it',
      upd_dt: 'the catalog shows no time of a stock movement',
    },
  },
});

/** What other tables of the shop refer to. */
const MARKED = 'a product is never deleted: both sides mark it (prod_st 9, status deleted)';

/** Everything that shows products and categories, and the administrators' product writes. */
export default defineMigration({
  capability: 'catalog',
  routes: {
    'list-products': read('GET /api/products'),
    product: read('GET /api/products/:id'),
    search: read('GET /api/search'),
    categories: read('GET /api/categories'),
    category: read('GET /api/categories/:code'),
    'create-product': write('POST /api/admin/products'),
    'update-product': write('PUT /api/admin/products/:id'),
    'delete-product': write('DELETE /api/admin/products/:id'),
  },
  tables: [categories, products],
  // Reviews and stock stay the monolith's; the catalog shows their sums.
  follows: [ratings, stock],
  foreignKeys: {
    prod_sum_prod_id_fkey: undeleted(MARKED),
    inv_prod_id_fkey: undeleted(MARKED),
    crt_ln_prod_id_fkey: undeleted(MARKED),
    ord_ln_prod_id_fkey: undeleted(MARKED),
    rvw_prod_id_fkey: undeleted(MARKED),
  },
});
