import { Router } from 'express';
import { pathId } from '../http/parameters.ts';
import { Refusal } from '../http/refusal.ts';
import { toCents } from '../money.ts';
import { formBody, formOf } from '../pages/form.ts';
import { type Html, html } from '../pages/html.ts';
import { page } from '../pages/page.ts';
import { euros } from '../pages/parts.ts';
import { missingToFreeShipping } from '../shipping/shipping.ts';
import type { Shop } from '../shop.ts';
import { findOrOpenSession } from '../users/sessions.ts';
import { addToCart, type Cart, type CartLine, changeCartLine, readCart } from './cart.ts';

/** The cart's page and its forms. */
export function cartPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get(
    '/cart',
    page(shop, async ({ session }) => ({ title: 'Cart', main: cartView(await readCart(database, session)) })),
  );

  router.post(
    '/cart',
    formBody,
    page(shop, async (visit) => {
      visit.session = await findOrOpenSession(database, visit.request, visit.response);
      try {
        await addToCart(database, visit.session, formOf(visit.request));
      } catch (error) {
        return { to: '/cart', flash: whyNot(error) };
      }
      return { to: '/cart', flash: 'It is in your cart.' };
    }),
  );

  router.post(
    '/cart/lines/:productId',
    formBody,
    page(shop, async ({ request, session }) => {
      try {
        await changeCartLine(database, session, pathId(request.params.productId), formOf(request));
      } catch (error) {
        return { to: '/cart', flash: whyNot(error) };
      }
      return { to: '/cart' };
    }),
  );

  return router;
}

function whyNot(error: unknown): string {
  const body = error instanceof Refusal ? error.body : {};
  switch (body.error) {
    case 'NO_STOCK':
      return body.available === 0 ? 'That one has just sold out.' : `There are only ${body.available} of that one.`;
    case 'INVALID':
      return 'The quantity must be from 1 to 99.';
    case 'NO_PROD':
    case 'GONE':
    case 'NO_LINE':
      return 'That one is not to be had any more.';
    default:
      throw error;
  }
}

function cartView(cart: Cart): Html {
  if (cart.lines.length === 0) {
    return html`<section class="notice"><h1>Your cart is empty</h1><p>It need not stay that way.</p><p><a class="button" href="/">Look around</a></p></section>`;
  }
  const missing = missingToFreeShipping(toCents(cart.subtotal));
  return html`<h1>Your cart</h1><div class="two-columns">
<ul class="cart-lines">${cart.lines.map(lineView)}</ul>
<aside class="panel summary">${totals(cart)}
${missing > 0 && html`<p class="small">${euros(missing / 100)} more and delivery is free.</p>`}
<p><a class="button wide" href="/checkout">To the checkout</a></p></aside></div>`;
}

function lineView(line: CartLine): Html {
  return html`<li><a href="/products/${line.product_id}"><img src="${line.image}" alt="" width="400" height="400"></a>
<div><h2><a href="/products/${line.product_id}">${line.name}</a></h2><p class="small">${euros(line.price)} each</p>
${line.qty > line.available && html`<p class="fault">${line.available === 0 ? 'Sold out meanwhile' : `Only ${line.available} left`}</p>`}
<form method="post" action="/cart/lines/${line.product_id}" class="line-form"><label class="sr-only" for="qty-${line.product_id}">Quantity of ${line.name}</label>
<input id="qty-${line.product_id}" name="qty" type="number" min="0" max="99" value="${line.qty}"><button class="link" type="submit">Change</button>
<button class="link" type="submit" name="qty" value="0">Remove</button></form></div>
<p class="price">${euros(line.sum)}</p></li>`;
}

/** What a cart costs, line by line. */
export function totals({ subtotal, shipping, total }: Cart): Html {
  return html`<dl class="totals"><div><dt>Goods</dt><dd>${euros(subtotal)}</dd></div>
<div><dt>Delivery</dt><dd>${shipping === '0.00' ? 'free' : euros(shipping)}</dd></div>
<div class="total"><dt>Total</dt><dd>${euros(total)}</dd></div></dl>`;
}
