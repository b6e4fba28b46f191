import { Router } from 'express';
import { type Cart, readCart } from '../cart/cart.ts';
import { totals } from '../cart/cart-pages.ts';
import { lastValue, positiveInteger } from '../http/parameters.ts';
import { Refusal } from '../http/refusal.ts';
import { faultyForm, formBody, formOf } from '../pages/form.ts';
import { type Html, html } from '../pages/html.ts';
import { type Page, page, userOf, type Visit } from '../pages/page.ts';
import { day, euros, type FormState, field, freshForm, pagination } from '../pages/parts.ts';
import type { Shop } from '../shop.ts';
import { accountAddress } from '../users/accounts.ts';
import { checkOut } from './checkout.ts';
import { findOrder, listOrders, type OrderDetail, type OrderSummary } from './orders.ts';

/** Checkout, and a user's orders. */
export function orderPages(shop: Shop): Router {
  const { database, settings } = shop;
  const router = Router();

  router.get(
    '/checkout',
    page(shop, async (visit) => {
      const address = await accountAddress(database, userOf(visit).id);
      return showCheckout(visit, freshForm({ ...address, card: '' }));
    }),
  );

  router.post(
    '/checkout',
    formBody,
    page(shop, async (visit) => {
      const user = userOf(visit);
      const values = formOf(visit.request);
      try {
        const result = await checkOut(database, user, values, settings.paymentFailureRate);
        if (result.paid)
          return { to: `/orders/${result.order}`, flash: 'Thank you! Your order is on its way to our warehouse.' };
        const form = { values, faults: { card: `the payment failed: ${result.reason}` } };
        return { ...(await showCheckout(visit, form)), status: 402 };
      } catch (error) {
        if (error instanceof Refusal && error.status === 409) {
          return { to: '/cart', flash: 'Something in your cart has just sold out.' };
        }
        return { ...(await showCheckout(visit, faultyForm(error, values))), status: 422 };
      }
    }),
  );

  router.get(
    '/orders',
    page(shop, async (visit) => {
      const number = positiveInteger(lastValue(visit.request.query.page)) ?? 1;
      const { orders, pages } = await listOrders(database, { userId: userOf(visit).id }, number);
      const main = html`<h1>Your orders</h1>
${orders.length === 0 ? html`<p class="empty">None so far.</p>` : orderTable(orders)}
${pagination(number, pages, (to) => `/orders?page=${to}`)}`;
      return { title: 'Your orders', main };
    }),
  );

  router.get(
    '/orders/:number',
    page(shop, async (visit) => {
      const order = await findOrder(database, String(visit.request.params.number), userOf(visit));
      return { title: `Order ${order.number}`, main: orderView(order) };
    }),
  );

  return router;

  async function showCheckout({ session }: Visit, form: FormState): Promise<Page> {
    const cart = await readCart(database, session);
    if (cart.lines.length === 0) throw new Refusal(409, { error: 'EMPTY_CART' });
    return { title: 'Checkout', main: checkoutView(cart, form) };
  }
}

function checkoutView(cart: Cart, form: FormState): Html {
  return html`<h1>Checkout</h1><form method="post" action="/checkout" class="two-columns">
<div class="panel"><h2>Where to</h2>
${field(form, 'name', 'Name', html`autocomplete="name" required`)}
${field(form, 'street', 'Street and number', html`autocomplete="street-address" required`)}
<div class="pair">${field(form, 'zip', 'Postcode', html`autocomplete="postal-code" required`)}${field(form, 'city', 'Town', html`autocomplete="address-level2" required`)}</div>
${field(form, 'country', 'Country', html`autocomplete="country" maxlength="2" required`, 'Two letters, such as DE')}
<h2>How to pay</h2>
${field(form, 'card', 'Card number', html`inputmode="numeric" autocomplete="cc-number" required`, 'No card is charged. 4242 4242 4242 4242 works; one that ends in 0002 is declined.')}</div>
<aside class="panel summary"><h2>Your order</h2><ul class="small-lines">${cart.lines.map((line) => html`<li>${line.qty} × ${line.name} <b>${euros(line.sum)}</b></li>`)}</ul>
${totals(cart)}<button class="button wide" type="submit">Buy now</button></aside></form>`;
}

/** Orders in rows, for customers and, with the customer's name, for administrators. */
export function orderTable(orders: readonly OrderSummary[], withCustomer = false): Html {
  return html`<div class="table-frame"><table><thead><tr><th>Order</th><th>Placed</th>${withCustomer && html`<th>Customer</th>`}<th class="number">Pieces</th><th class="number">Total</th><th>State</th></tr></thead>
<tbody>${orders.map(
    (
      order,
    ) => html`<tr><td><a href="${withCustomer ? '/admin/orders/' : '/orders/'}${order.number}">${order.number}</a></td><td>${day(order.created)}</td>
${withCustomer && html`<td>${order.customer}</td>`}<td class="number">${order.items}</td><td class="number">${euros(order.total)}</td><td>${statusView(order.status)}</td></tr>`,
  )}</tbody></table></div>`;
}

function statusView(status: string): Html {
  return html`<span class="state state-${status}">${status.replace('_', ' ')}</span>`;
}

/** One order in full. */
export function orderView(order: OrderDetail): Html {
  return html`<header class="results-head"><h1>Order ${order.number}</h1>${statusView(order.status)}</header>
<p class="small">Placed on ${day(order.created)}</p>
<div class="two-columns"><div class="table-frame"><table><thead><tr><th>Article</th><th class="number">Price</th><th class="number">Pieces</th><th class="number">Sum</th></tr></thead><tbody>${order.lines.map(
    (
      line,
    ) => html`<tr><td><a class="with-picture" href="/products/${line.product_id}"><img src="/images/products/${line.product_id}.svg" alt="" width="400" height="400">${line.name}</a></td>
<td class="number">${euros(line.price)}</td><td class="number">${line.qty}</td><td class="number">${euros(line.sum)}</td></tr>`,
  )}</tbody><tfoot><tr><th colspan="3">Delivery</th><td class="number">${order.shipping === '0.00' ? 'free' : euros(order.shipping)}</td></tr>
<tr><th colspan="3">Total</th><td class="number"><b>${euros(order.total)}</b></td></tr></tfoot></table></div>
<aside class="panel"><h2>Goes to</h2><address>${order.address.split('\n').map((line) => html`${line}<br>`)}</address>
<h2>Payment</h2><p>${order.payment ?? 'not yet'}</p><h2>Parcel</h2><p>${order.tracking ?? 'not yet sent'}</p></aside></div>`;
}
