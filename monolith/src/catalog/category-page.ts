import { type Html, html } from '../pages/html.ts';
import { cardTemplate, pagination, productGrid } from '../pages/parts.ts';
import type { CategoryNode } from './categories.ts';
import type { ListQuery, ProductCard } from './product-list.ts';

/** What a page with a filtered list shows. */
export interface ListPage {
  readonly heading: string;
  /** Of the page itself, without its query. */
  readonly address: string;
  readonly trail: readonly CategoryNode[];
  readonly children: readonly CategoryNode[];
  readonly brands: readonly { readonly name: string; readonly count: number }[];
  readonly query: ListQuery;
  readonly total: number;
  readonly products: readonly ProductCard[];
}

const SORTS = [
  ['name', 'Name'],
  ['price', 'Price, low to high'],
  ['-price', 'Price, high to low'],
  ['rating', 'Best rated'],
  ['newest', 'Newest'],
] as const;

/** A category: where it is, what is below it, filters, and its products. Works as plain links and a form, too. */
export function categoryPage(list: ListPage): Html {
  const pages = Math.ceil(list.total / list.query.perPage);
  return html`${trailView(list.trail)}
<div class="listing" data-listing data-category="${list.query.category}">
<aside class="filters">
${
  list.children.length > 0 &&
  html`<nav aria-label="Below ${list.heading}"><h2>In ${list.heading}</h2><ul>${list.children.map(
    (child) => html`<li><a href="/c/${child.path}">${child.name}</a> <span>${child.count}</span></li>`,
  )}</ul></nav>`
}
<details class="filter-box" open><summary>Sort and filter</summary>${filterForm(list)}</details>
</aside>
<section class="results" aria-label="Products">
<header class="results-head"><h1>${list.heading}</h1><p data-total aria-live="polite">${list.total} products</p></header>
${productGrid(list.products)}
${list.total === 0 && html`<p class="empty">Nothing fits. Take a filter away?</p>`}
<div data-more>${pagination(list.query.page, pages, (page) => `${list.address}?${queryText(list.query, page)}`)}</div>
</section>
</div>
${cardTemplate()}`;
}

/** The way from the front page down to here. */
export function trailView(trail: readonly { readonly path: string; readonly name: string }[]): Html {
  return html`<nav class="trail" aria-label="Where you are"><ol><li><a href="/">Lindenmarkt</a></li>${trail.map(
    (step) => html`<li><a href="/c/${step.path}">${step.name}</a></li>`,
  )}</ol></nav>`;
}

function filterForm({ query, brands, address }: ListPage): Html {
  return html`<form class="filter-form" action="${address}" data-filters>
<div class="field"><label for="sort">Sort by</label><select id="sort" name="sort">${SORTS.map(
    ([value, text]) => html`<option value="${value}"${query.sort === value && html` selected`}>${text}</option>`,
  )}</select></div>
<div class="field"><label for="brand">Brand</label><select id="brand" name="brand"><option value="">All brands</option>${brands.map(
    ({ name, count }) =>
      html`<option value="${name}"${query.brand === name && html` selected`}>${name} (${count})</option>`,
  )}</select></div>
<fieldset class="field"><legend>Price in €</legend><div class="pair"><input name="min_price" inputmode="decimal" placeholder="from" aria-label="from" value="${query.minPrice}"><input name="max_price" inputmode="decimal" placeholder="to" aria-label="to" value="${query.maxPrice}"></div></fieldset>
<label class="check"><input type="checkbox" name="in_stock" value="1"${query.inStock && html` checked`}> In stock only</label>
${query.q !== undefined && html`<input type="hidden" name="q" value="${query.q}">`}
<button class="button quiet" type="submit" data-apply>Apply</button>
</form>`;
}

function queryText(query: ListQuery, page: number): string {
  const parameters = new URLSearchParams();
  if (query.q !== undefined) parameters.set('q', query.q);
  if (query.sort !== 'name') parameters.set('sort', query.sort);
  if (query.brand !== undefined) parameters.set('brand', query.brand);
  if (query.minPrice !== undefined) parameters.set('min_price', query.minPrice);
  if (query.maxPrice !== undefined) parameters.set('max_price', query.maxPrice);
  if (query.inStock) parameters.set('in_stock', '1');
  parameters.set('page', String(page));
  return parameters.toString();
}
