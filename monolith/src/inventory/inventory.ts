import { z } from 'zod';
import { noProduct } from '../catalog/product-detail.ts';
import type { Database } from '../database.ts';
import { readFields, wholeNumberField } from '../http/fields.ts';

const Stock = z.object({ on_hand: wholeNumberField(0, 1_000_000) });

/** Sets what is on hand of a product; what is reserved stays. @throws Refusal INVALID or NO_PROD */
export async function setOnHand({ prisma }: Database, productId: number, body: unknown) {
  const { on_hand } = readFields(Stock, body);
  if ((await prisma.prod.count({ where: { prod_id: productId } })) === 0) throw noProduct(productId);
  const row = await prisma.inv.upsert({
    where: { prod_id: productId },
    create: { prod_id: productId, qty_oh: on_hand },
    update: { qty_oh: on_hand, upd_dt: new Date() },
  });
  return { on_hand: row.qty_oh, reserved: row.qty_rsv };
}

/** What is on hand and reserved of a product; nothing of either when nobody ever counted it. */
export async function stockOf({ prisma }: Database, productId: number): Promise<{ on_hand: number; reserved: number }> {
  const row = await prisma.inv.findUnique({ where: { prod_id: productId } });
  return { on_hand: row?.qty_oh ?? 0, reserved: row?.qty_rsv ?? 0 };
}
