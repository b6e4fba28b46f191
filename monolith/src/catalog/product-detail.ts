import type { Database } from '../database.ts';
import { Refusal } from '../http/refusal.ts';
import { attributesByName } from './attributes.ts';
import { PRODUCT_STATUS, TAX_CLASS } from './codes.ts';

/** A product as `GET /api/products/:id` shows it. Members in the order of API.md. */
export interface ProductDetail {
  readonly id: number;
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly brand: string | null;
  readonly price: number;
  readonly old_price: number | null;
  readonly currency: 'EUR';
  readonly tax: string;
  readonly category: {
    readonly path: string;
    readonly name: string;
    readonly trail: readonly { readonly path: string; readonly name: string }[];
  };
  readonly attributes: Readonly<Record<string, string>>;
  readonly weight_g: number | null;
  readonly image: string;
  readonly in_stock: boolean;
  readonly stock_qty: number;
  readonly rating: string;
  readonly review_count: number;
  readonly created: string;
  readonly updated: string;
}

interface DetailRow {
  prod_id: number;
  sku: string;
  prod_nm: string;
  prod_dsc: string;
  brnd_nm: string | null;
  prod_prc: string;
  old_prc: string | null;
  tax_cd: number;
  cat_path: string;
  attr_txt: string;
  prod_st: number;
  wght_g: number | null;
  stock_qty: number;
  rvw_avg: string;
  rvw_cnt: number;
  created: string;
  updated: string;
  trail: { path: string; name: string }[];
}

/** A product and its status, whatever that is. */
export interface FoundProduct {
  readonly status: 'active' | 'hidden' | 'deleted';
  readonly product: ProductDetail;
}

/** A product by id, hidden and deleted ones too; undefined when there is none. */
export async function findProduct({ pool }: Database, id: number): Promise<FoundProduct | undefined> {
  const { rows } = await pool.query<DetailRow>(
    `SELECT p.prod_id, p.sku, p.prod_nm, p.prod_dsc, p.brnd_nm, p.prod_prc, p.old_prc, p.tax_cd, p.cat_path, p.attr_txt,
            p.prod_st, p.wght_g, greatest(coalesce(i.qty_oh - i.qty_rsv, 0), 0) AS stock_qty,
            coalesce(s.rvw_avg, 0)::numeric(3,2) AS rvw_avg, coalesce(s.rvw_cnt, 0) AS rvw_cnt,
            to_char(p.crt_dt, 'YYYY-MM-DD HH24:MI') AS created, to_char(p.upd_dt, 'YYYY-MM-DD HH24:MI') AS updated,
            (SELECT coalesce(json_agg(json_build_object('path', c.cat_path, 'name', c.cat_nm) ORDER BY length(c.cat_path)), '[]')
               FROM categ c
              WHERE c.actv = 'Y' AND (c.cat_path = p.cat_path OR starts_with(p.cat_path, c.cat_path || '/'))) AS trail
       FROM prod p LEFT JOIN prod_sum s USING (prod_id) LEFT JOIN inv i USING (prod_id)
      WHERE p.prod_id = $1`,
    [id],
  );
  const row = rows[0];
  return row && { status: PRODUCT_STATUS.meaning(row.prod_st), product: detail(row) };
}

/** An active product. @throws Refusal NO_PROD or GONE */
export async function activeProduct(database: Database, id: number): Promise<ProductDetail> {
  const found = await findProduct(database, id);
  if (found?.status === 'active') return found.product;
  if (found?.status === 'deleted') throw new Refusal(410, { error: 'GONE', msg: `product ${id} is no longer sold` });
  throw noProduct(id);
}

/** 404: there is no such product, or none that the asker may see. */
export function noProduct(id: number): Refusal {
  return new Refusal(404, { error: 'NO_PROD', msg: `product ${id} not found` });
}

function detail(row: DetailRow): ProductDetail {
  return {
    id: row.prod_id,
    sku: row.sku,
    name: row.prod_nm,
    description: row.prod_dsc,
    brand: row.brnd_nm,
    price: Number(row.prod_prc),
    old_price: row.old_prc === null ? null : Number(row.old_prc),
    currency: 'EUR',
    tax: TAX_CLASS.meaning(row.tax_cd),
    category: {
      path: row.cat_path,
      name: row.trail.find((step) => step.path === row.cat_path)?.name ?? '',
      trail: row.trail,
    },
    attributes: attributesByName(row.attr_txt),
    weight_g: row.wght_g,
    image: `/images/products/${row.prod_id}.svg`,
    in_stock: row.stock_qty > 0,
    stock_qty: row.stock_qty,
    rating: row.rvw_avg,
    review_count: row.rvw_cnt,
    created: row.created,
    updated: row.updated,
  };
}
