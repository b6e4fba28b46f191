import { z } from 'zod';
import type { Prisma } from '../../generated/client.ts';
import type { Database } from '../database.ts';
import { readFields, textField } from '../http/fields.ts';
import { Refusal } from '../http/refusal.ts';
import { fromCents, toCents } from '../money.ts';
import { notify } from '../notifications/notifications.ts';
import { charge } from '../payments/provider.ts';
import { shippingCents } from '../shipping/shipping.ts';
import type { User } from '../users/sessions.ts';
import { ORDER_STATUS, PAYMENT_STATUS } from './codes.ts';

const CheckoutForm = z.object({
  name: textField(1, 80),
  street: textField(1, 160),
  zip: textField(1, 12),
  city: textField(1, 80),
  country: z.string({ error: 'must be two capital letters' }).regex(/^[A-Z]{2}$/, 'must be two capital letters'),
  card: z
    .string({ error: 'must have 12 to 19 digits' })
    .transform((card) => card.replace(/\s/g, ''))
    .refine((card) => /^\d{12,19}$/.test(card), 'must have 12 to 19 digits'),
});

/** What became of a checkout; an order whose payment failed is kept, and its cart too. */
export type CheckoutResult =
  | { readonly paid: true; readonly order: string }
  | { readonly paid: false; readonly order: string; readonly reason: string };

interface Bought {
  prod_id: number;
  prod_nm: string;
  prod_prc: string;
  qty: number;
  available: number;
}

/**
 * Turns a user's cart into an order: reserves stock, charges the card, asks for a parcel and writes the e-mail, all in one
 * transaction, as it has been since 2009. The provider is called while the stock's rows are locked.
 *
 * @throws Refusal INVALID, EMPTY_CART or NO_STOCK; then nothing has happened.
 */
export async function checkOut(
  database: Database,
  user: User,
  body: unknown,
  failureRate: number,
): Promise<CheckoutResult> {
  const { card, ...address } = readFields(CheckoutForm, body);
  return database.prisma.$transaction(async (transaction) => {
    const lines = await lockedCart(transaction, user.id);
    const subtotal = lines.reduce((sum, line) => sum + toCents(line.prod_prc) * line.qty, 0);
    const shipping = shippingCents(subtotal);
    const total = fromCents(subtotal + shipping);
    const order = await transaction.ord_hdr.create({
      data: {
        ...(await nextOrderNumber(transaction)),
        usr_id: user.id,
        tot_amt: total,
        ship_amt: fromCents(shipping),
        adr_txt: `${address.name}\n${address.street}\n${address.zip} ${address.city}\n${address.country}`,
        ord_ln: {
          create: lines.map(({ prod_id, qty, prod_prc }, index) => ({
            ln_no: index + 1,
            prod_id,
            qty,
            unit_prc: prod_prc,
          })),
        },
      },
    });
    const payment = charge(order.ord_no, card, failureRate);
    await transaction.pay.create({
      data: {
        ord_id: order.ord_id,
        amt: total,
        pay_st: PAYMENT_STATUS.code(payment.ok ? 'captured' : 'failed'),
        prvdr_ref: payment.reference,
        err_txt: payment.ok ? null : payment.reason,
      },
    });
    const status = ORDER_STATUS.code(payment.ok ? 'paid' : 'payment_failed');
    await transaction.ord_hdr.update({ where: { ord_id: order.ord_id }, data: { ord_st: status } });
    if (!payment.ok) {
      await notify(transaction, user.id, `Payment for ${order.ord_no} failed`, `The bank says: ${payment.reason}.`);
      return { paid: false, order: order.ord_no, reason: payment.reason };
    }
    await reserveStock(transaction, lines);
    await transaction.shpmt.create({ data: { ord_id: order.ord_id } });
    await notify(transaction, user.id, `Your order ${order.ord_no}`, `Thank you! ${list(lines)}\nTotal: ${total} EUR`);
    // Only what was bought: something may have been put into the cart meanwhile.
    const bought = lines.map((line) => line.prod_id);
    await transaction.crt_ln.deleteMany({ where: { crt: { usr_id: user.id }, prod_id: { in: bought } } });
    return { paid: true, order: order.ord_no };
  });
}

/**
 * The cart's lines, with their stock locked, always by rising id. A second click waits here for the first one's order, and
 * then finds the cart empty.
 */
async function lockedCart(transaction: Prisma.TransactionClient, userId: number): Promise<Bought[]> {
  await transaction.$queryRaw`
    SELECT i.prod_id FROM crt c JOIN crt_ln l USING (crt_id) JOIN inv i USING (prod_id)
     WHERE c.usr_id = ${userId} ORDER BY i.prod_id FOR UPDATE OF i`;
  const lines = await transaction.$queryRaw<Bought[]>`
    SELECT l.prod_id, p.prod_nm, p.prod_prc::text, l.qty,
           CASE WHEN p.prod_st = 1 THEN greatest(coalesce(i.qty_oh - i.qty_rsv, 0), 0) ELSE 0 END AS available
      FROM crt c JOIN crt_ln l USING (crt_id) JOIN prod p USING (prod_id) LEFT JOIN inv i USING (prod_id)
     WHERE c.usr_id = ${userId} ORDER BY l.prod_id`;
  if (lines.length === 0) throw new Refusal(409, { error: 'EMPTY_CART' });
  for (const { prod_id, qty, available } of lines) {
    if (qty > available) throw new Refusal(409, { error: 'NO_STOCK', product_id: prod_id, available });
  }
  return lines;
}

async function nextOrderNumber(transaction: Prisma.TransactionClient): Promise<{ ord_id: number; ord_no: string }> {
  const rows = await transaction.$queryRaw<
    { ord_id: number }[]
  >`SELECT nextval('ord_hdr_ord_id_seq')::integer AS ord_id`;
  const ord_id = rows[0]!.ord_id;
  return { ord_id, ord_no: `O-${new Date().getUTCFullYear()}-${String(ord_id).padStart(6, '0')}` };
}

async function reserveStock(transaction: Prisma.TransactionClient, lines: readonly Bought[]): Promise<void> {
  for (const { prod_id, qty } of lines) {
    await transaction.inv.update({ where: { prod_id }, data: { qty_rsv: { increment: qty }, upd_dt: new Date() } });
  }
}

function list(lines: readonly Bought[]): string {
  return lines.map((line) => `${line.qty} × ${line.prod_nm}`).join(', ');
}
