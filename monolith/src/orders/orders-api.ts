import { Router } from 'express';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { lastValue, positiveInteger } from '../http/parameters.ts';
import type { Shop } from '../shop.ts';
import { administratorsOnly, requireUser } from '../users/sessions.ts';
import { checkOut } from './checkout.ts';
import { changeOrderStatus } from './order-status.ts';
import { findOrder, listOrders } from './orders.ts';

/** Checkout, a user's orders, and what administrators do with them. */
export function ordersApi({ database, settings }: Shop): Router {
  const router = Router();

  router.post('/checkout', jsonBody, async (request, response) => {
    const user = await requireUser(database, request);
    const result = await checkOut(database, user, bodyOf(request), settings.paymentFailureRate);
    if (result.paid) response.status(201).json({ ok: 1, order: result.order });
    else response.json({ ok: 0, error: 'PAYMENT', msg: result.reason, order: result.order });
  });

  router.get('/orders', async (request, response) => {
    const user = await requireUser(database, request);
    const page = positiveInteger(lastValue(request.query.page)) ?? 1;
    const { count, orders } = await listOrders(database, { userId: user.id }, page);
    response.json({ page, count, orders: orders.map(({ customer, ...order }) => order) });
  });

  router.get('/orders/:number', async (request, response) => {
    const user = await requireUser(database, request);
    response.json({ order: await findOrder(database, request.params.number, user) });
  });

  router.patch('/admin/orders/:number', administratorsOnly(database), jsonBody, async (request, response) => {
    const number = String(request.params.number);
    await changeOrderStatus(database, number, bodyOf(request));
    response.json({ order: await findOrder(database, number, await requireUser(database, request)) });
  });

  return router;
}
