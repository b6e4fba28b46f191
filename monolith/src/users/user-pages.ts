import { Router } from 'express';
import { lastValue } from '../http/parameters.ts';
import { Refusal } from '../http/refusal.ts';
import { messagesTo } from '../notifications/notifications.ts';
import { faultyForm, formBody, formOf } from '../pages/form.ts';
import { type Html, html } from '../pages/html.ts';
import { type Page, page, userOf, type Visit } from '../pages/page.ts';
import { day, type FormState, field, freshForm } from '../pages/parts.ts';
import type { Shop } from '../shop.ts';
import { accountAddress, changeAddress, logIn, register } from './accounts.ts';
import { closeSession } from './sessions.ts';

const MESSAGES = 20;

/** Login, registration and account. */
export function userPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get(
    '/login',
    page(shop, async ({ request }) => loginPage(freshForm(), localPath(request.query.next))),
  );

  router.post(
    '/login',
    formBody,
    page(shop, async ({ request, response }) => {
      const values = formOf(request);
      const next = localPath(values.next);
      try {
        await logIn(database, request, response, values);
      } catch (error) {
        const isWrong = error instanceof Refusal && error.body.error === 'BAD_LOGIN';
        const form = isWrong
          ? { values, faults: { password: 'e-mail address and password do not match' } }
          : faultyForm(error, values);
        return { ...loginPage(form, next), status: isWrong ? 401 : 422 };
      }
      return { to: next };
    }),
  );

  router.get(
    '/register',
    page(shop, async () => registerPage(freshForm())),
  );

  router.post(
    '/register',
    formBody,
    page(shop, async ({ request, response }) => {
      const values = formOf(request);
      try {
        await register(database, request, response, values);
      } catch (error) {
        return { ...registerPage(faultyForm(error, values)), status: 422 };
      }
      return { to: '/account' };
    }),
  );

  router.post(
    '/logout',
    page(shop, async ({ request, response }) => {
      await closeSession(database, request, response);
      return { to: '/' };
    }),
  );

  router.get(
    '/account',
    page(shop, async (visit) => {
      const address = await accountAddress(database, userOf(visit).id);
      return showAccount(visit, freshForm({ ...address }));
    }),
  );

  router.post(
    '/account',
    formBody,
    page(shop, async (visit) => {
      const values = formOf(visit.request);
      try {
        await changeAddress(database, userOf(visit).id, values);
      } catch (error) {
        return { ...(await showAccount(visit, faultyForm(error, values))), status: 422 };
      }
      return { to: '/account', flash: 'Saved.' };
    }),
  );

  return router;

  async function showAccount(visit: Visit, form: FormState): Promise<Page> {
    const user = userOf(visit);
    const messages = await messagesTo(database, user.id, MESSAGES);
    const main = html`<header class="results-head"><h1>Hello, ${user.name}</h1>
<form method="post" action="/logout"><button class="button quiet" type="submit">Log out</button></form></header>
<div class="two-columns"><form class="panel" method="post" action="/account"><h2>Your address</h2>
${field(form, 'name', 'Name', html`autocomplete="name" required`)}
${field(form, 'street', 'Street and number', html`autocomplete="street-address"`)}
<div class="pair">${field(form, 'zip', 'Postcode', html`autocomplete="postal-code"`)}${field(form, 'city', 'Town', html`autocomplete="address-level2"`)}</div>
${field(form, 'country', 'Country', html`maxlength="2" required`, 'Two letters, such as DE')}
<button class="button" type="submit">Save</button></form>
<section><h2>Messages</h2>${messages.length === 0 && html`<p class="empty">None.</p>`}${messages.map(
      (message) =>
        html`<article class="review"><h3>${message.sbj}</h3><p>${message.bdy}</p><p class="small">${day(message.crt_dt.toISOString())}</p></article>`,
    )}</section></div>`;
    return { title: 'Your account', main };
  }
}

function loginPage(form: FormState, next: string): Page {
  return {
    title: 'Log in',
    main: narrow(html`<h1>Log in</h1><form method="post" action="/login"><input type="hidden" name="next" value="${next}">
${field(form, 'email', 'E-mail address', html`type="email" autocomplete="username" required`)}
${passwordField(form, 'current-password')}
<button class="button wide" type="submit">Log in</button></form>
<p class="small">New here? <a href="/register">Create an account</a>. To try the shop: <code>anna@shop.example</code>, password <code>anna</code>.</p>`),
  };
}

function registerPage(form: FormState): Page {
  return {
    title: 'Create an account',
    main: narrow(html`<h1>Create an account</h1><form method="post" action="/register">
${field(form, 'name', 'Name', html`autocomplete="name" required`)}
${field(form, 'email', 'E-mail address', html`type="email" autocomplete="username" required`)}
${passwordField(form, 'new-password')}
<button class="button wide" type="submit">Create</button></form>`),
  };
}

/** A password is never sent back to the page. */
function passwordField({ faults }: FormState, autocomplete: string): Html {
  return field(
    { values: {}, faults },
    'password',
    'Password',
    html`type="password" autocomplete="${autocomplete}" required`,
  );
}

function narrow(content: Html): Html {
  return html`<section class="panel narrow">${content}</section>`;
}

/** Where to go after login: a path of this shop, never another site. */
function localPath(value: unknown): string {
  const path = lastValue(value) ?? '/';
  return /^\/(?![/\\])[^\s\\]*$/.test(path) ? path : '/';
}
