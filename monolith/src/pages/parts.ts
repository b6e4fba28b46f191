import type { ProductCard } from '../catalog/product-list.ts';
import { type Content, type Html, html } from './html.ts';

const EUROS = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });

/** `19.90` or 19.9 as people read it. */
export function euros(amount: string | number): string {
  return EUROS.format(Number(amount));
}

/** `2024-03-05 14:22` as people read it: the day. */
export function day(time: string): string {
  return DAY.format(new Date(`${time.slice(0, 10)}T00:00:00Z`));
}

/** Five stars, as many of them filled as the rating is rounded to. */
export function stars(rating: number): Html {
  const filled = Math.round(rating);
  return html`<span class="stars" role="img" aria-label="${rating.toFixed(1)} of 5 stars">${'★'.repeat(filled)}<i>${'★'.repeat(5 - filled)}</i></span>`;
}

/** A price, with the old one struck out beside it. */
export function price(now: string | number, before: string | number | null): Html {
  if (before === null || before === '' || Number(before) <= Number(now))
    return html`<p class="price">${euros(now)}</p>`;
  return html`<p class="price sale">${euros(now)} <s><span class="sr-only">instead of </span>${euros(before)}</s></p>`;
}

/** A product in a grid. */
export function productCard(product: ProductCard): Html {
  const saved =
    product.old_price === '' ? 0 : Math.round((1 - Number(product.price) / Number(product.old_price)) * 100);
  return html`<li class="card">
<a class="card-picture" href="/products/${product.id}" tabindex="-1" aria-hidden="true"><img src="${product.image}" alt="" width="400" height="400" loading="lazy"></a>
${saved > 0 && html`<span class="badge">−${saved} %</span>`}
<button class="quick" type="button" data-quick-view="${product.id}" aria-label="Quick view of ${product.name}">Quick view</button>
<p class="card-brand">${product.brand ?? ' '}</p>
<h3><a href="/products/${product.id}">${product.name}</a></h3>
<p class="card-rating">${product.reviews > 0 && html`${stars(product.rating)} <span>${product.reviews}</span>`}</p>
<div class="card-foot">${price(product.price, product.old_price)}${product.stock === 'N' && html`<span class="sold-out">Sold out</span>`}</div>
</li>`;
}

/** Products side by side. */
export function productGrid(products: readonly ProductCard[]): Html {
  return html`<ul class="grid" data-grid>${products.map(productCard)}</ul>`;
}

/** An empty card that the browser fills for products that it loads by itself. */
export function cardTemplate(): Html {
  return html`<template id="card-template"><li class="card">
<a class="card-picture" data-link tabindex="-1" aria-hidden="true"><img data-image alt="" width="400" height="400" loading="lazy"></a>
<span class="badge" data-badge hidden></span>
<button class="quick" type="button" data-quick-view="">Quick view</button>
<p class="card-brand" data-brand></p>
<h3><a data-link data-name></a></h3>
<p class="card-rating" data-rating></p>
<div class="card-foot"><p class="price" data-price></p><span class="sold-out" data-sold-out hidden>Sold out</span></div>
</li></template>`;
}

/** Links to the other pages of a list; nothing when there is only one. */
export function pagination(page: number, pages: number, address: (page: number) => string): Html | null {
  if (pages <= 1) return null;
  const near = [1, page - 1, page, page + 1, pages].filter((number) => number >= 1 && number <= pages);
  const numbers = [...new Set(near)].sort((a, b) => a - b);
  return html`<nav class="pagination" aria-label="Pages">
${page > 1 && html`<a rel="prev" href="${address(page - 1)}">← Previous</a>`}
${numbers.map((number, index) => [
  index > 0 && number - numbers[index - 1]! > 1 && html`<span>…</span>`,
  number === page
    ? html`<a aria-current="page" href="${address(number)}">${number}</a>`
    : html`<a href="${address(number)}">${number}</a>`,
])}
${page < pages && html`<a rel="next" href="${address(page + 1)}">Next →</a>`}
</nav>`;
}

/** What a form's fields held when it was sent, and what was wrong with them. */
export interface FormState {
  readonly values: Readonly<Record<string, string>>;
  readonly faults: Readonly<Record<string, string>>;
}

/** A form that nobody has sent yet. */
export function freshForm(values: Readonly<Record<string, string>> = {}): FormState {
  return { values, faults: {} };
}

/** A labelled input with its fault below it. */
export function field(form: FormState, name: string, label: string, attributes: Html = html``, hint?: string): Html {
  return labelled(
    form,
    name,
    label,
    html`<input id="f-${name}" name="${name}" value="${form.values[name]}" ${described(form, name)} ${attributes}>`,
    hint,
  );
}

/** A labelled text area. */
export function textArea(form: FormState, name: string, label: string, attributes: Html = html``, hint?: string): Html {
  return labelled(
    form,
    name,
    label,
    html`<textarea id="f-${name}" name="${name}" ${described(form, name)} ${attributes}>
${form.values[name]}</textarea>`,
    hint,
  );
}

/** A labelled choice. */
export function select(
  form: FormState,
  name: string,
  label: string,
  options: readonly (readonly [value: string, text: string])[],
): Html {
  const chosen = form.values[name];
  return labelled(
    form,
    name,
    label,
    html`<select id="f-${name}" name="${name}" ${described(form, name)}>${options.map(
      ([value, text]) => html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
    )}</select>`,
  );
}

function described(form: FormState, name: string): Html {
  return form.faults[name] === undefined ? html`` : html`aria-invalid="true" aria-describedby="e-${name}"`;
}

function labelled(form: FormState, name: string, label: string, input: Html, hint?: string): Html {
  const fault: Content = form.faults[name];
  return html`<div class="field"><label for="f-${name}">${label}</label>${input}
${hint !== undefined && html`<p class="hint">${hint}</p>`}${fault !== undefined && html`<p class="fault" id="e-${name}">${fault}</p>`}</div>`;
}
