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

/** PostgreSQL's text holds any character but U+0000. */
const text = z
  .string()
  .regex(/^[^\0]+$/)
  .optional()
  .catch(undefined);
const INTEGER_MAX = 2_147_483_647;
const count = (maximum: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(maximum));
const pageNumber = count(INTEGER_MAX).catch(1);
const pageSize = count(PER_PAGE_MAX).catch(PER_PAGE_DEFAULT);
const amountInCents = z
  .string()
  .regex(/^\d{1,8}(\.\d{1,2})?$/)
  .transform((amount) => Math.round(Number(amount) * 100))
  .optional()
  .catch(undefined);
const sortOrder = z.enum(['name', 'price', '-price', 'rating', 'newest']).catch('name');

/** What a query asks of the product list. */
export function readListQuery(query: Query): { filter: ProductFilter; sort: SortOrder; page: Page } {
  return {
    filter: {
      categoryPath: text.parse(query.category)?.split('/'),
      text: text.parse(query.q?.trim()),
      brand: text.parse(query.brand),
      minimumCents: amountInCents.parse(query.min_price),
      maximumCents: amountInCents.parse(query.max_price),
      inStockOnly: query.in_stock === '1',
    },
    sort: sortOrder.parse(query.sort),
    page: { number: pageNumber.parse(query.page), size: pageSize.parse(query.per_page) },
  };
}

/** What a query asks of the search. */
export function readSearchQuery(query: Query): { text: string; page: Page } {
  const typed = (query.q ?? '').trim();
  return {
    text: typed.includes('\0') ? '' : typed,
    page: { number: pageNumber.parse(query.page), size: SEARCH_PER_PAGE },
  };
}

const id = z
  .string()
  .regex(/^[1-9]/)
  .pipe(count(INTEGER_MAX));

/** A product's id out of a path; undefined for what cannot be one. */
export function readId(value: string | undefined): number | undefined {
  return id.safeParse(value).data;
}
