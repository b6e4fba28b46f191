import { Prisma } from '../../generated/client.ts';
import type { Database } from '../database.ts';
import { likeLiteral } from '../http/parameters.ts';
import { findCards, type ProductCard } from './product-list.ts';

const { sql } = Prisma;
const PER_PAGE = 20;
const LEAST_CHARACTERS = 2;

/** The answer of `GET /api/search`. */
export interface SearchAnswer {
  readonly q: string;
  readonly page: number;
  readonly count: number;
  readonly hits: readonly ProductCard[];
  readonly hint?: string;
}

/** Active products whose name, description, brand or sku contains `q`; those whose name begins with it come first. */
export async function searchProducts(database: Database, q: string, page: number): Promise<SearchAnswer> {
  if (q.length < LEAST_CHARACTERS) {
    return { q, page: 1, count: 0, hits: [], hint: `type at least ${LEAST_CHARACTERS} characters` };
  }
  const literal = likeLiteral(q);
  const anywhere = `%${literal}%`;
  const where = sql`p.prod_st = 1 AND (p.prod_nm ILIKE ${anywhere} OR p.prod_dsc ILIKE ${anywhere}
    OR p.brnd_nm ILIKE ${anywhere} OR p.sku ILIKE ${anywhere})`;
  const order = sql`(p.prod_nm ILIKE ${`${literal}%`}) DESC, p.prod_nm COLLATE "C", p.prod_id`;
  const { total, products } = await findCards(database, where, order, page, PER_PAGE);
  return { q, page, count: total, hits: products };
}
