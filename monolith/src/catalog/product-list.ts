import { Prisma } from '../../generated/client.ts';
import type { Database } from '../database.ts';
import { lastValue, likeLiteral, positiveInteger, searchableText } from '../http/parameters.ts';

const { sql, join } = Prisma;

const SORTS = {
  name: sql`p.prod_nm COLLATE "C"`,
  price: sql`p.prod_prc`,
  '-price': sql`p.prod_prc DESC`,
  rating: sql`coalesce(s.rvw_avg, 0) DESC, coalesce(s.rvw_cnt, 0) DESC`,
  newest: sql`p.crt_dt DESC`,
};

export type Sort = keyof typeof SORTS;

/** What a list of products can be narrowed by; undefined is no limit. */
export interface ListQuery {
  readonly category: string | undefined;
  readonly q: string | undefined;
  readonly brand: string | undefined;
  /** Decimals, as they came. */
  readonly minPrice: string | undefined;
  readonly maxPrice: string | undefined;
  readonly inStock: boolean;
  readonly sort: Sort;
  readonly page: number;
  readonly perPage: number;
}

/** A product as lists and searches show it. Members in the order of API.md. */
export interface ProductCard {
  readonly id: number;
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  readonly old_price: string;
  readonly brand: string | null;
  readonly category: string;
  readonly image: string;
  readonly stock: 'Y' | 'N';
  readonly rating: number;
  readonly reviews: number;
}

interface CardRow {
  prod_id: number;
  sku: string;
  prod_nm: string;
  prod_prc: string;
  old_prc: string | null;
  brnd_nm: string | null;
  cat_path: string;
  free: number;
  rvw_avg: string;
  rvw_cnt: number;
}

/** Reads the query of `GET /api/products`; what does not parse is as if it were absent. */
export function parseListQuery(query: Readonly<Record<string, unknown>>): ListQuery {
  const sort = lastValue(query.sort);
  return {
    category: searchableText(query.category),
    q: searchableText(lastValue(query.q)?.trim()),
    brand: searchableText(query.brand),
    minPrice: decimal(query.min_price),
    maxPrice: decimal(query.max_price),
    inStock: lastValue(query.in_stock) === '1',
    sort: sort !== undefined && Object.hasOwn(SORTS, sort) ? (sort as Sort) : 'name',
    page: positiveInteger(lastValue(query.page)) ?? 1,
    perPage: positiveInteger(lastValue(query.per_page), 100) ?? 24,
  };
}

function decimal(value: unknown): string | undefined {
  const text = lastValue(value);
  return text !== undefined && /^\d{1,8}(\.\d{1,2})?$/.test(text) ? text : undefined;
}

/** One page of the active products that a query asks for, and how many there are in all. */
export async function listProducts(
  database: Database,
  query: ListQuery,
): Promise<{ total: number; products: ProductCard[] }> {
  const where = conditions(query);
  const order = sql`${SORTS[query.sort]}, p.prod_id`;
  return findCards(database, where, order, query.page, query.perPage);
}

function conditions(query: ListQuery): Prisma.Sql {
  const all = [sql`p.prod_st = 1`];
  if (query.category !== undefined) all.push(inCategory(query.category));
  if (query.q !== undefined) {
    const pattern = `%${likeLiteral(query.q)}%`;
    all.push(sql`(p.prod_nm ILIKE ${pattern} OR p.brnd_nm ILIKE ${pattern} OR p.sku ILIKE ${pattern})`);
  }
  if (query.brand !== undefined) all.push(sql`p.brnd_nm = ${query.brand}`);
  if (query.minPrice !== undefined) all.push(sql`p.prod_prc >= ${query.minPrice}::numeric`);
  if (query.maxPrice !== undefined) all.push(sql`p.prod_prc <= ${query.maxPrice}::numeric`);
  if (query.inStock) all.push(sql`i.qty_oh > i.qty_rsv`);
  return join(all, ' AND ');
}

/** Products of a category and of those below it; a prefix pattern, so that prod_cat_ix can serve. */
export function inCategory(path: string): Prisma.Sql {
  return sql`(p.cat_path = ${path} OR p.cat_path LIKE ${`${likeLiteral(path)}/%`})`;
}

/** One page of product cards. `p`, `s` and `i` in the conditions and the order are prod, prod_sum and inv. */
export async function findCards(
  { pool }: Database,
  where: Prisma.Sql,
  order: Prisma.Sql,
  page: number,
  perPage: number,
): Promise<{ total: number; products: ProductCard[] }> {
  const tables = sql`prod p LEFT JOIN prod_sum s USING (prod_id) LEFT JOIN inv i USING (prod_id)`;
  const select = sql`
    SELECT p.prod_id, p.sku, p.prod_nm, p.prod_prc, p.old_prc, p.brnd_nm, p.cat_path,
           coalesce(i.qty_oh - i.qty_rsv, 0) AS free, coalesce(s.rvw_avg, 0) AS rvw_avg, coalesce(s.rvw_cnt, 0) AS rvw_cnt,
           count(*) OVER () AS total
      FROM ${tables} WHERE ${where} ORDER BY ${order} LIMIT ${perPage} OFFSET ${(page - 1) * perPage}`;
  const { rows } = await pool.query<CardRow & { total: string }>(select);
  if (rows[0]) return { total: Number(rows[0].total), products: rows.map(card) };
  // The window has nothing to count from beyond the last page.
  if (page === 1) return { total: 0, products: [] };
  const counted = await pool.query<{ total: string }>(sql`SELECT count(*) AS total FROM ${tables} WHERE ${where}`);
  return { total: Number(counted.rows[0]?.total ?? 0), products: [] };
}

function card(row: CardRow): ProductCard {
  return {
    id: row.prod_id,
    sku: row.sku,
    name: row.prod_nm,
    price: row.prod_prc,
    old_price: row.old_prc ?? '',
    brand: row.brnd_nm,
    category: row.cat_path,
    image: `/images/products/${row.prod_id}.svg`,
    stock: row.free > 0 ? 'Y' : 'N',
    rating: Number(row.rvw_avg),
    reviews: row.rvw_cnt,
  };
}
