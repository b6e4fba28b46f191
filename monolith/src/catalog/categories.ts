import type { Database } from '../database.ts';
import { Refusal } from '../http/refusal.ts';

/** A category with what is below it, as `GET /api/categories` shows it. */
export interface CategoryNode {
  readonly code: string;
  readonly name: string;
  readonly path: string;
  /** Active products in it and below. */
  readonly count: number;
  readonly children: readonly CategoryNode[];
}

interface CategoryRow {
  cat_cd: string;
  cat_nm: string;
  cat_path: string;
  actv: string;
  products: number;
}

/** Every category in the order in which the shop shows them, inactive ones too, with its count of active products. */
async function allCategories({ pool }: Database): Promise<CategoryRow[]> {
  const { rows } = await pool.query<CategoryRow>(`
    WITH counted AS MATERIALIZED (SELECT cat_path, count(*) AS products FROM prod WHERE prod_st = 1 GROUP BY cat_path)
    SELECT c.cat_cd, c.cat_nm, c.cat_path, c.actv,
           (SELECT coalesce(sum(n.products), 0) FROM counted n
             WHERE n.cat_path = c.cat_path OR starts_with(n.cat_path, c.cat_path || '/'))::integer AS products
      FROM categ c ORDER BY c.srt, c.cat_nm COLLATE "C", c.cat_id`);
  return rows;
}

/** The tree of active categories. One below an inactive or missing category is out of reach, and so not in it. */
export async function categoryTree(database: Database): Promise<CategoryNode[]> {
  const active = (await allCategories(database)).filter((row) => row.actv === 'Y');
  const below = Map.groupBy(active, (row) => parentPath(row.cat_path));
  const node = (row: CategoryRow): CategoryNode => ({
    code: row.cat_cd,
    name: row.cat_nm,
    path: row.cat_path,
    count: row.products,
    children: (below.get(row.cat_path) ?? []).map(node),
  });
  return (below.get('') ?? []).map(node);
}

/** One active category, as `GET /api/categories/:code` shows it. @throws Refusal NO_CAT */
export async function oneCategory(database: Database, code: string) {
  const active = (await allCategories(database)).filter((row) => row.actv === 'Y');
  const found = active.find((row) => row.cat_cd === code);
  if (!found) throw new Refusal(404, { error: 'NO_CAT', msg: `category ${code} not found` });
  return {
    category: {
      code: found.cat_cd,
      name: found.cat_nm,
      path: found.cat_path,
      count: found.products,
      children: active
        .filter((row) => parentPath(row.cat_path) === found.cat_path)
        .map((row) => ({ code: row.cat_cd, name: row.cat_nm })),
    },
  };
}

function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
