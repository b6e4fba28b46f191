import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { readCart } from '../cart/cart.ts';
import { categoryTree } from '../catalog/categories.ts';
import { refusalFor } from '../http/api-errors.ts';
import { Refusal } from '../http/refusal.ts';
import type { Shop } from '../shop.ts';
import { findSession, type Session, setFlash, takeFlash, type User } from '../users/sessions.ts';
import { type Html, html, render } from './html.ts';
import { layout } from './layout.ts';

/** One visitor's request for a page. */
export interface Visit {
  readonly request: Request;
  readonly response: Response;
  /** A handler that opens a session puts it here, so that what follows knows of it. */
  session: Session | undefined;
}

/** A page to show. */
export interface Page {
  readonly title: string;
  readonly main: Html;
  /** 200 by default. */
  readonly status?: number;
}

/** Where to go instead (303, so by GET), and what to say there once. */
export interface Redirect {
  readonly to: string;
  readonly flash?: string;
}

/** A handler of pages: shows what `answer` gives, inside the shop's frame. */
export function page(shop: Shop, answer: (visit: Visit) => Promise<Page | Redirect>): RequestHandler {
  return async (request, response) => {
    const visit: Visit = { request, response, session: await findSession(shop.database, request) };
    const result = await answer(visit);
    if ('to' in result) {
      if (result.flash !== undefined && visit.session) await setFlash(shop.database, visit.session, result.flash);
      response.redirect(303, result.to);
    } else {
      await send(shop, visit, result);
    }
  };
}

async function send({ database }: Shop, visit: Visit, { title, main, status = 200 }: Page): Promise<void> {
  const [departments, cart, flash] = await Promise.all([
    categoryTree(database),
    readCart(database, visit.session),
    visit.session && takeFlash(database, visit.session),
  ]);
  const path = visit.request.originalUrl;
  const frame = { title, departments, path, user: visit.session?.user ?? null, cartCount: cart.count, flash };
  visit.response
    .status(status)
    .type('html')
    .send(render(layout(frame, main)));
}

/** The logged-in user; others are sent to log in and come back. @throws LoginNeeded */
export function userOf(visit: Visit): User {
  const user = visit.session?.user;
  if (!user) throw new LoginNeeded();
  return user;
}

/** @throws LoginNeeded, or Refusal FORBIDDEN for customers */
export function administratorOf(visit: Visit): User {
  const user = userOf(visit);
  if (user.role !== 'admin') throw new Refusal(403, { error: 'FORBIDDEN' });
  return user;
}

class LoginNeeded extends Error {
  override readonly name = 'LoginNeeded';
}

export const pageNotFound: RequestHandler = (_request, _response, next) => {
  next(new Refusal(404, { error: 'NOT_FOUND' }));
};

const EXPLANATIONS: Readonly<Record<number, readonly [title: string, text: string]>> = {
  403: ['Not for you', 'Your account may not do this.'],
  404: ['Not here', 'We looked on every shelf. Perhaps the search finds what you are after.'],
  410: ['No longer sold', 'We had it once. Perhaps something similar will do.'],
  409: ['That did not work', 'Someone was quicker, or something has changed since you opened the page.'],
  503: ['Back in a moment', 'The shop is taking a breath. Please try again in a few seconds.'],
};

/** Shows what the handlers of pages threw. */
export function pageErrors(shop: Shop): ErrorRequestHandler {
  return async (error, request, response, next) => {
    if (response.headersSent) return next(error);
    if (error instanceof LoginNeeded) {
      const back = request.method === 'GET' ? `?next=${encodeURIComponent(request.originalUrl)}` : '';
      return response.redirect(303, `/login${back}`);
    }
    const refusal = refusalFor(error, shop.log);
    // BAD_ID is 200 for the API's old clients only.
    const status = refusal.status === 200 ? 404 : refusal.status;
    if (status === 503) response.set('Retry-After', '1');
    const [title, text] = EXPLANATIONS[status] ?? [
      'Something went wrong',
      'It is our fault, and it has been written down.',
    ];
    const main = html`<section class="notice"><p class="notice-code">${status}</p><h1>${title}</h1><p>${text}</p>
      <p><a class="button" href="/">To the front page</a></p></section>`;
    const visit: Visit = { request, response, session: undefined };
    try {
      visit.session = status === 503 ? undefined : await findSession(shop.database, request);
      await send(shop, visit, { title, main, status });
    } catch {
      // The frame needs the database too: do without it.
      const frame = { title, departments: [], path: '/', user: null, cartCount: 0, flash: undefined };
      response
        .status(status)
        .type('html')
        .send(render(layout(frame, main)));
    }
  };
}
