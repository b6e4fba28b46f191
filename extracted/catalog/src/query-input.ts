import * as z from 'zod';
import type { Page, ProductFilter, SortOrder } from './model.ts';

/**
 * The shop's clients have always been forgiven what does not parse: it counts as absent. So nothing in here is ever
 * refused, and the OpenAPI document says so of each parameter.
 */
type Query = Readonly<Record<string, string>>;

const PER_PAGE_DEFAULT = 24;
const PER_PAGE_MAX = 100;
const SEARCH_PER_PAGE = 20;

const text = z.string().min(1).optional().catch(undefined);
const count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
  .pipe(z.int().min(1));
const pageNumber = count.catch(1);
const pageSize = count.pipe(z.int().max(PER_PAGE_MAX)).catch(PER_PAGE_DEFAULT);
const amount = z
  .string()
  .regex(/^\d{1,8}(\.\d{1,2})?$/)
  .transform((value) => Math.round(Number(value) * 100))
  .optional()
  .catch(undefined);
const sortOrder = z.enum(['name', 'price', '-price', 'rating', 'newest']).catch('name');

/** What a query asks of the product list. */
export function readListQuery(query: Query): { filter: ProductFilter; sort: SortOrder; page: Page } {
  return {
    filter: {
      categoryPath: text.parse(query.category)?.split('/'),
      text: text.parse(query.q),
      brand: text.parse(query.brand),
      minimumCents: amount.parse(query.min_price),
      maximumCents: amount.parse(query.max_price),
      inStockOnly: query.in_stock === '1',
    },
    sort: sortOrder.parse(query.sort),
    page: { number: pageNumber.parse(query.page), size: pageSize.parse(query.per_page) },
  };
}

/** What a query asks of the search. */
export function readSearchQuery(query: Query): { text: string; page: Page } {
  return { text: (query.q ?? '').trim(), page: { number: pageNumber.parse(query.page), size: SEARCH_PER_PAGE } };
}

const ID_MAX = 2_147_483_647;
const id = z
  .string()
  .regex(/^\d{1,10}$/)
  .transform(Number)
  .pipe(z.int().min(1).max(ID_MAX));

/** A product's id out of a path; undefined for what cannot be one. */
export function readId(value: string | undefined): number | undefined {
  return id.safeParse(value).data;
}
