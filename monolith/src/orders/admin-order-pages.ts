import { Router } from 'express';
import { lastValue, positiveInteger } from '../http/parameters.ts';
import { Refusal } from '../http/refusal.ts';
import { adminFrame } from '../pages/admin-frame.ts';
import { formBody, formOf } from '../pages/form.ts';
import { type Html, html } from '../pages/html.ts';
import { administratorOf, page } from '../pages/page.ts';
import { pagination } from '../pages/parts.ts';
import type { Shop } from '../shop.ts';
import { ORDER_STATUS } from './codes.ts';
import { orderTable, orderView } from './order-pages.ts';
import { changeOrderStatus } from './order-status.ts';
import { findOrder, listOrders, type OrderDetail } from './orders.ts';

/** Orders for administrators: what to send next, and moving an order on. */
export function adminOrderPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get(
    '/admin/orders',
    page(shop, async (visit) => {
      administratorOf(visit);
      const wanted = lastValue(visit.request.query.status);
      const status = ORDER_STATUS.isMeaning(wanted) ? wanted : undefined;
      const number = positiveInteger(lastValue(visit.request.query.page)) ?? 1;
      const filter = status === undefined ? {} : { status: ORDER_STATUS.code(status) };
      const { orders, pages, count } = await listOrders(database, filter, number);
      const address = (to: number) =>
        `/admin/orders?${new URLSearchParams({ status: status ?? '', page: String(to) })}`;
      const main = adminFrame(
        'orders',
        html`<header class="results-head"><h1>Orders</h1><p>${count}</p></header>
<nav class="chips" aria-label="State"><a href="/admin/orders"${status === undefined && html` aria-current="page"`}>all</a>${ORDER_STATUS.meanings.map(
          (meaning) =>
            html`<a href="/admin/orders?status=${meaning}"${meaning === status && html` aria-current="page"`}>${meaning.replace('_', ' ')}</a>`,
        )}</nav>${orderTable(orders, true)}${pagination(number, pages, address)}`,
      );
      return { title: 'Orders', main };
    }),
  );

  router.get(
    '/admin/orders/:number',
    page(shop, async (visit) => {
      const order = await findOrder(database, String(visit.request.params.number), administratorOf(visit));
      return { title: `Order ${order.number}`, main: adminFrame('orders', html`${orderView(order)}${actions(order)}`) };
    }),
  );

  router.post(
    '/admin/orders/:number',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      const number = String(visit.request.params.number);
      const to = `/admin/orders/${encodeURIComponent(number)}`;
      try {
        await changeOrderStatus(database, number, formOf(visit.request));
      } catch (error) {
        if (error instanceof Refusal && error.body.error === 'BAD_STATUS') {
          return { to, flash: `It is ${error.body.from} by now, so that cannot be done.` };
        }
        throw error;
      }
      return { to, flash: 'Done.' };
    }),
  );

  return router;
}

const ACTIONS: Readonly<Record<string, readonly (readonly [status: string, label: string])[]>> = {
  placed: [['cancelled', 'Cancel']],
  paid: [
    ['shipped', 'Mark as shipped'],
    ['cancelled', 'Cancel and refund'],
  ],
  shipped: [['delivered', 'Mark as delivered']],
};

function actions(order: OrderDetail): Html {
  return html`<div class="actions">${(ACTIONS[order.status] ?? []).map(
    ([status, label]) =>
      html`<form method="post" action="/admin/orders/${order.number}"><input type="hidden" name="status" value="${status}"><button class="button ${status === 'cancelled' && 'danger'}" type="submit">${label}</button></form>`,
  )}</div>`;
}
