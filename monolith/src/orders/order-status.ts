import { z } from 'zod';
import type { Prisma } from '../../generated/client.ts';
import type { Database } from '../database.ts';
import { choiceField, readFields } from '../http/fields.ts';
import { Refusal } from '../http/refusal.ts';
import { notify } from '../notifications/notifications.ts';
import { trackingNumber } from '../shipping/shipping.ts';
import { ORDER_STATUS, PAYMENT_STATUS } from './codes.ts';

const StatusForm = z.object({ status: choiceField(['shipped', 'delivered', 'cancelled']) });
type NextStatus = z.infer<typeof StatusForm>['status'];

/** From where an order may go there. */
const BEFORE: Readonly<Record<NextStatus, readonly string[]>> = {
  shipped: ['paid'],
  delivered: ['shipped'],
  cancelled: ['placed', 'paid'],
};

/** Moves an order on, with all that hangs on it: stock, parcel, money, e-mail. @throws Refusal INVALID, NO_ORDER or BAD_STATUS */
export async function changeOrderStatus({ prisma }: Database, number: string, body: unknown): Promise<void> {
  const { status } = readFields(StatusForm, body);
  await prisma.$transaction(async (transaction) => {
    const rows = await transaction.$queryRaw<{ ord_id: number; usr_id: number; ord_st: number }[]>`
      SELECT ord_id, usr_id, ord_st FROM ord_hdr WHERE ord_no = ${number.replaceAll('\0', '')} FOR UPDATE`;
    const order = rows[0];
    if (!order) throw new Refusal(404, { error: 'NO_ORDER' });
    const from = ORDER_STATUS.meaning(order.ord_st);
    if (!BEFORE[status].includes(from)) throw new Refusal(409, { error: 'BAD_STATUS', from });
    await transaction.ord_hdr.update({
      where: { ord_id: order.ord_id },
      data: { ord_st: ORDER_STATUS.code(status), upd_dt: new Date() },
    });
    await CONSEQUENCES[status](transaction, order.ord_id);
    await notify(transaction, order.usr_id, `Your order ${number} is ${status}`, `Order ${number} is now ${status}.`);
  });
}

const CONSEQUENCES: Readonly<
  Record<NextStatus, (transaction: Prisma.TransactionClient, orderId: number) => Promise<void>>
> = {
  async shipped(transaction, orderId) {
    await transaction.shpmt.updateMany({
      where: { ord_id: orderId },
      data: { shp_st: 'S', trk_no: trackingNumber(orderId), snt_dt: new Date() },
    });
    await transaction.$executeRaw`
      UPDATE inv i SET qty_oh = greatest(i.qty_oh - l.qty, 0), qty_rsv = greatest(i.qty_rsv - l.qty, 0),
             upd_dt = now() AT TIME ZONE 'UTC'
        FROM ord_ln l WHERE l.ord_id = ${orderId} AND l.prod_id = i.prod_id`;
  },
  async delivered(transaction, orderId) {
    await transaction.shpmt.updateMany({ where: { ord_id: orderId }, data: { shp_st: 'D' } });
  },
  async cancelled(transaction, orderId) {
    await transaction.pay.updateMany({
      where: { ord_id: orderId, pay_st: PAYMENT_STATUS.code('captured') },
      data: { pay_st: PAYMENT_STATUS.code('refunded') },
    });
    await transaction.$executeRaw`
      UPDATE inv i SET qty_rsv = greatest(i.qty_rsv - l.qty, 0), upd_dt = now() AT TIME ZONE 'UTC'
        FROM ord_ln l WHERE l.ord_id = ${orderId} AND l.prod_id = i.prod_id`;
  },
};
