import type { Database } from '../database.ts';
import { Refusal } from '../http/refusal.ts';
import { fromCents, toCents } from '../money.ts';
import type { User } from '../users/sessions.ts';
import { ORDER_STATUS, PAYMENT_STATUS } from './codes.ts';

const PER_PAGE = 20;

/** An order as lists show it. */
export interface OrderSummary {
  readonly number: string;
  readonly status: string;
  readonly total: string;
  /** Pieces, not lines. */
  readonly items: number;
  readonly created: string;
  readonly customer: string;
}

/** An order as `GET /api/orders/:number` shows it. */
export interface OrderDetail {
  readonly number: string;
  readonly status: string;
  readonly created: string;
  readonly address: string;
  readonly lines: readonly OrderLine[];
  readonly shipping: string;
  readonly total: string;
  readonly payment: string | null;
  readonly tracking: string | null;
}

export interface OrderLine {
  readonly product_id: number;
  readonly name: string;
  readonly qty: number;
  readonly price: string;
  readonly sum: string;
}

/** One page of orders, newest first: a user's, or everyone's for administrators' pages, of one status if that is given. */
export async function listOrders(
  { pool }: Database,
  filter: { readonly userId?: number; readonly status?: number },
  page: number,
): Promise<{ count: number; pages: number; orders: OrderSummary[] }> {
  const where = '($1::integer IS NULL OR o.usr_id = $1) AND ($2::smallint IS NULL OR o.ord_st = $2)';
  const values = [filter.userId ?? null, filter.status ?? null];
  const [list, counted] = await Promise.all([
    pool.query<{ ord_no: string; ord_st: number; tot_amt: string; items: number; created: string; usr_nm: string }>(
      `SELECT o.ord_no, o.ord_st, o.tot_amt, to_char(o.crt_dt, 'YYYY-MM-DD HH24:MI') AS created, u.usr_nm,
              (SELECT coalesce(sum(l.qty), 0)::integer FROM ord_ln l WHERE l.ord_id = o.ord_id) AS items
         FROM ord_hdr o JOIN usr u USING (usr_id)
        WHERE ${where} ORDER BY o.crt_dt DESC, o.ord_id DESC LIMIT $3 OFFSET $4`,
      [...values, PER_PAGE, (page - 1) * PER_PAGE],
    ),
    pool.query<{ count: number }>(`SELECT count(*)::integer AS count FROM ord_hdr o WHERE ${where}`, values),
  ]);
  const count = counted.rows[0]!.count;
  const orders = list.rows.map((row) => ({
    number: row.ord_no,
    status: ORDER_STATUS.meaning(row.ord_st),
    total: row.tot_amt,
    items: row.items,
    created: row.created,
    customer: row.usr_nm,
  }));
  return { count, pages: Math.ceil(count / PER_PAGE), orders };
}

/** An order that the user may see: their own, or any for administrators. @throws Refusal NO_ORDER */
export async function findOrder({ prisma }: Database, number: string, user: User): Promise<OrderDetail> {
  const order = await prisma.ord_hdr.findFirst({
    where: { ord_no: printable(number), ...(user.role === 'admin' ? {} : { usr_id: user.id }) },
    include: {
      ord_ln: { orderBy: { ln_no: 'asc' }, include: { prod: { select: { prod_nm: true } } } },
      pay: { orderBy: { pay_id: 'desc' }, take: 1 },
      shpmt: { orderBy: { shp_id: 'desc' }, take: 1 },
    },
  });
  if (!order) throw new Refusal(404, { error: 'NO_ORDER' });
  return {
    number: order.ord_no,
    status: ORDER_STATUS.meaning(order.ord_st),
    created: order.crt_dt.toISOString().slice(0, 16).replace('T', ' '),
    address: order.adr_txt,
    lines: order.ord_ln.map((line) => ({
      product_id: line.prod_id,
      name: line.prod.prod_nm,
      qty: line.qty,
      price: line.unit_prc.toFixed(2),
      sum: fromCents(toCents(line.unit_prc) * line.qty),
    })),
    shipping: order.ship_amt.toFixed(2),
    total: order.tot_amt.toFixed(2),
    payment: order.pay[0] ? PAYMENT_STATUS.meaning(order.pay[0].pay_st) : null,
    tracking: order.shpmt[0]?.trk_no ?? null,
  };
}

/** An order's number cannot hold U+0000, which PostgreSQL would refuse to look for. */
function printable(number: string): string {
  return number.replaceAll('\0', '');
}
