import { z } from 'zod';
import type { Prisma } from '../../generated/client.ts';
import { activeProduct } from '../catalog/product-detail.ts';
import type { Database } from '../database.ts';
import { readFields, wholeNumberField } from '../http/fields.ts';
import { invalid, Refusal } from '../http/refusal.ts';
import { fromCents, toCents } from '../money.ts';
import { shippingCents } from '../shipping/shipping.ts';
import type { Session } from '../users/sessions.ts';

const MOST_OF_ONE = 99;

/** A cart as `GET /api/cart` shows it; money in decimals. */
export interface Cart {
  readonly lines: readonly CartLine[];
  /** Pieces, not lines. */
  readonly count: number;
  readonly subtotal: string;
  readonly shipping: string;
  readonly total: string;
}

export interface CartLine {
  readonly product_id: number;
  readonly name: string;
  readonly price: string;
  readonly qty: number;
  readonly sum: string;
  readonly image: string;
  /** What can be bought now; 0 when it is no longer sold. */
  readonly available: number;
}

const Addition = z.object({
  product_id: wholeNumberField(1, 2_147_483_647),
  qty: wholeNumberField(1, MOST_OF_ONE).optional().default(1),
});
const Change = z.object({ qty: wholeNumberField(0, MOST_OF_ONE) });

/** The cart of a visitor: the user's when logged in, else the session's. Without a session it is empty. */
export async function readCart({ pool }: Database, session: Session | undefined): Promise<Cart> {
  if (!session) return summed([]);
  const { rows } = await pool.query<{
    prod_id: number;
    prod_nm: string;
    prod_prc: string;
    qty: number;
    available: number;
  }>(
    `SELECT l.prod_id, p.prod_nm, p.prod_prc, l.qty,
            CASE WHEN p.prod_st = 1 THEN greatest(coalesce(i.qty_oh - i.qty_rsv, 0), 0) ELSE 0 END AS available
       FROM crt c JOIN crt_ln l USING (crt_id) JOIN prod p USING (prod_id) LEFT JOIN inv i USING (prod_id)
      WHERE ${session.user ? 'c.usr_id' : 'c.sid'} = $1 ORDER BY l.prod_id`,
    [session.user?.id ?? session.id],
  );
  return summed(
    rows.map((row) => ({
      product_id: row.prod_id,
      name: row.prod_nm,
      price: row.prod_prc,
      qty: row.qty,
      sum: fromCents(toCents(row.prod_prc) * row.qty),
      image: `/images/products/${row.prod_id}.svg`,
      available: row.available,
    })),
  );
}

function summed(lines: readonly CartLine[]): Cart {
  const subtotal = lines.reduce((sum, line) => sum + toCents(line.sum), 0);
  const shipping = shippingCents(subtotal);
  return {
    lines,
    count: lines.reduce((sum, line) => sum + line.qty, 0),
    subtotal: fromCents(subtotal),
    shipping: fromCents(shipping),
    total: fromCents(subtotal + shipping),
  };
}

/** Puts more of a product into the cart. @throws Refusal INVALID, NO_PROD, GONE or NO_STOCK */
export async function addToCart(database: Database, session: Session, body: unknown): Promise<void> {
  const { product_id, qty } = readFields(Addition, body);
  const product = await activeProduct(database, product_id);
  const crt_id = await cartOf(database.prisma, session);
  const key = { crt_id_prod_id: { crt_id, prod_id: product_id } };
  const already = (await database.prisma.crt_ln.findUnique({ where: key }))?.qty ?? 0;
  const wanted = already + qty;
  if (wanted > MOST_OF_ONE) throw invalid({ qty: `must not make more than ${MOST_OF_ONE} of one product` });
  if (wanted > product.stock_qty) throw new Refusal(409, { error: 'NO_STOCK', available: product.stock_qty });
  await database.prisma.crt_ln.upsert({
    where: key,
    create: { crt_id, prod_id: product_id, qty: wanted },
    update: { qty: wanted },
  });
}

/** Sets how many of a product are in the cart; 0 takes it out. @throws Refusal INVALID, NO_LINE or NO_STOCK */
export async function changeCartLine(
  database: Database,
  session: Session | undefined,
  productId: number,
  body: unknown,
): Promise<void> {
  const { qty } = readFields(Change, body);
  const line = (await readCart(database, session)).lines.find(({ product_id }) => product_id === productId);
  if (!line || !session) throw new Refusal(404, { error: 'NO_LINE' });
  if (qty === 0) return removeCartLine(database, session, productId);
  if (qty > line.available) throw new Refusal(409, { error: 'NO_STOCK', available: line.available });
  await database.prisma.crt_ln.updateMany({ where: { prod_id: productId, crt: ownedBy(session) }, data: { qty } });
}

/** Takes a product out of the cart, if it is there. */
export async function removeCartLine(
  { prisma }: Database,
  session: Session | undefined,
  productId: number,
): Promise<void> {
  if (session) await prisma.crt_ln.deleteMany({ where: { prod_id: productId, crt: ownedBy(session) } });
}

/** Adds what a session's cart holds to the user's, at login. */
export async function mergeCarts({ prisma }: Database, sid: string, userId: number): Promise<void> {
  await prisma.$transaction(async (transaction) => {
    const crt_id = await cartOf(transaction, { id: sid, user: { id: userId } });
    await transaction.$executeRaw`
      INSERT INTO crt_ln (crt_id, prod_id, qty)
        SELECT ${crt_id}::integer, l.prod_id, l.qty FROM crt c JOIN crt_ln l USING (crt_id) WHERE c.sid = ${sid}
      ON CONFLICT (crt_id, prod_id) DO UPDATE SET qty = least(crt_ln.qty + excluded.qty, ${MOST_OF_ONE})`;
    await transaction.crt.deleteMany({ where: { sid } });
  });
}

type Owner = { readonly id: string; readonly user: { readonly id: number } | null };

function ownedBy(owner: Owner): { usr_id: number } | { sid: string } {
  return owner.user ? { usr_id: owner.user.id } : { sid: owner.id };
}

async function cartOf(prisma: Prisma.TransactionClient, owner: Owner): Promise<number> {
  const where = ownedBy(owner);
  const cart = await prisma.crt.upsert({ where, create: where, update: { upd_dt: new Date() } });
  return cart.crt_id;
}
