import type { CategoryNode } from '../catalog/categories.ts';
import type { User } from '../users/sessions.ts';
import { type Html, html } from './html.ts';

/** What the shop's frame around each page shows. */
export interface Frame {
  readonly title: string;
  readonly departments: readonly CategoryNode[];
  /** The address of the page, to mark where one is. */
  readonly path: string;
  readonly user: User | null;
  readonly cartCount: number;
  readonly flash: string | undefined;
}

/** The whole document: head, header, the page's own content, footer. */
export function layout(frame: Frame, main: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${frame.title} · Lindenmarkt</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/shop.css">
<script src="/assets/shop.js" type="module"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${header(frame)}
${frame.flash !== undefined && html`<p class="flash" role="status">${frame.flash}</p>`}
<main id="main" tabindex="-1">${main}</main>
${footer()}
<div class="toast" role="status" aria-live="polite" hidden></div>
</body>
</html>
`;
}

function header({ departments, path, user, cartCount }: Frame): Html {
  return html`<header class="site-header">
<p class="ribbon">Free delivery from €50 · 30 days to change your mind · Family-run since 2009</p>
<div class="masthead">
<a class="logo" href="/" aria-label="Lindenmarkt, to the front page"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 30V15M16 22l-6-5M16 19l6-5" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/><path d="M16 2c7 1 11 6 10 12-1 5-5 7-10 7S7 19 6 14C5 8 9 3 16 2z" fill="currentColor" opacity=".28"/></svg><span>Lindenmarkt</span></a>
<form class="search" action="/search" role="search">
<label class="sr-only" for="q">Search the shop</label>
<input id="q" name="q" type="search" placeholder="What are you looking for?" autocomplete="off" role="combobox" aria-expanded="false" aria-controls="suggestions" aria-autocomplete="list">
<button type="submit" aria-label="Search"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/></svg></button>
<ul id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden></ul>
</form>
<nav class="tools" aria-label="Yours">
${user?.role === 'admin' && html`<a href="/admin/products">Admin</a>`}
${
  user
    ? html`<a href="/orders">Orders</a><a href="/account">${user.name.split(' ', 1)[0]}</a>`
    : html`<a href="/login">Log in</a>`
}
<a class="cart-link" href="/cart" aria-label="Cart, ${cartCount} pieces"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 8h12l1.2 11.5H4.8zM9 8V6.5a3 3 0 0 1 6 0V8"/></svg><span>Cart</span><b data-cart-count>${cartCount}</b></a>
</nav>
</div>
<nav class="departments" aria-label="Departments">${departments.map(
    (department) =>
      html`<a href="/c/${department.path}"${isBelow(path, department.path) && html` aria-current="true"`}>${department.name}</a>`,
  )}</nav>
</header>`;
}

function isBelow(path: string, category: string): boolean {
  return new RegExp(`^/c/${category}(?:[/?]|$)`).test(path);
}

function footer(): Html {
  return html`<footer class="site-footer">
<div><h2>Lindenmarkt</h2><p>Good things for home, garden and everything after. Alter Markt 1, 38640 Goslar.</p></div>
<div><h2>Service</h2><ul><li><a href="/orders">Where is my order?</a></li><li><a href="/account">Your account</a></li><li><a href="/cart">Your cart</a></li></ul></div>
<div><h2>Promise</h2><p>30 days to send things back, ten years of spare parts, and a person at the other end of the line.</p></div>
<p class="small">An example shop: nothing is sold, no card is charged. Prices include VAT.</p>
</footer>`;
}
