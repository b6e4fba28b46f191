import { type Html, html } from '../pages/html.ts';
import { cardTemplate, productGrid } from '../pages/parts.ts';
import type { CategoryNode } from './categories.ts';
import type { ProductCard } from './product-list.ts';

/** The front page. */
export function homePage(
  departments: readonly CategoryNode[],
  offers: readonly ProductCard[],
  loved: readonly ProductCard[],
  fresh: readonly ProductCard[],
): Html {
  const show = loved.slice(0, 3);
  return html`<section class="hero">
<div><p class="eyebrow">Autumn at Lindenmarkt</p>
<h1>Good things, kept for a long time.</h1>
<p>Knives that can be sharpened, jumpers that can be darned, lamps whose bulbs can be changed. Chosen by people who use them.</p>
<p><a class="button" href="/c/home">Look around the house</a> <a class="button quiet" href="#offers">See the offers</a></p></div>
<div class="hero-pictures" aria-hidden="true">${show.map((product) => html`<img src="${product.image}" alt="" width="400" height="400">`)}</div>
</section>
<section class="tiles" aria-label="Departments"><ul>${departments.map(
    (department) =>
      html`<li><a href="/c/${department.path}"><img src="/images/departments/${department.code}.svg" alt="" width="400" height="400"><strong>${department.name}</strong><span>${department.count} things</span></a></li>`,
  )}</ul></section>
${strip('offers', 'On offer', offers)}
${strip('loved', 'Loved by many', loved)}
${strip('fresh', 'Just arrived', fresh)}
${cardTemplate()}`;
}

function strip(id: string, heading: string, products: readonly ProductCard[]): Html | null {
  if (products.length === 0) return null;
  return html`<section class="strip" id="${id}"><h2>${heading}</h2>${productGrid(products)}</section>`;
}
