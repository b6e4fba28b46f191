import { type Html, html } from '../pages/html.ts';
import { day, type FormState, field, pagination, price, productGrid, select, stars, textArea } from '../pages/parts.ts';
import type { Review } from '../reviews/reviews.ts';
import type { User } from '../users/sessions.ts';
import { trailView } from './category-page.ts';
import type { ProductDetail } from './product-detail.ts';
import type { ProductCard } from './product-list.ts';

/** What a product's page shows. */
export interface ProductPage {
  readonly product: ProductDetail;
  readonly reviews: { readonly count: number; readonly reviews: readonly Review[]; readonly page: number };
  readonly similar: readonly ProductCard[];
  readonly user: User | null;
  /** The review form, with its faults if it has just been refused. */
  readonly form: FormState;
}

/** One product: picture, price, stock, what it is, what people think of it, what is like it. */
export function productPage({ product, reviews, similar, user, form }: ProductPage): Html {
  return html`${trailView(product.category.trail)}
<article class="product">
<div class="product-picture"><img src="${product.image}" alt="Picture of ${product.name}" width="400" height="400"></div>
<div class="product-facts">
${product.brand !== null && html`<p class="card-brand">${product.brand}</p>`}
<h1>${product.name}</h1>
${product.review_count > 0 && html`<p class="card-rating"><a href="#reviews">${stars(Number(product.rating))} ${product.rating} · ${product.review_count} ${product.review_count === 1 ? 'review' : 'reviews'}</a></p>`}
${price(product.price, product.old_price)}
<p class="small">incl. ${product.tax === 'none' ? 'no VAT' : product.tax === 'reduced' ? '7 % VAT' : '19 % VAT'}, plus delivery (free from €50)</p>
<p class="description">${product.description.split('\n').map((line, index) => [index > 0 && html`<br>`, line])}</p>
${stockView(product)}
${product.in_stock && addForm(product)}
<dl class="attributes">${Object.entries(product.attributes).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
${product.weight_g !== null && html`<div><dt>weight</dt><dd>${weight(product.weight_g)}</dd></div>`}
<div><dt>article no.</dt><dd>${product.sku}</dd></div></dl>
</div>
</article>
<section class="reviews" id="reviews"><h2>Reviews</h2>
<div class="reviews-columns"><div>
${reviews.reviews.length === 0 && html`<p class="empty">Nobody has written yet. Be the first?</p>`}
${reviews.reviews.map(reviewView)}
${pagination(reviews.page, Math.ceil(reviews.count / 10), (page) => `/products/${product.id}?reviews=${page}#reviews`)}
</div>${reviewForm(product, user, form)}</div>
</section>
${similar.length > 0 && html`<section class="strip"><h2>Goes well with it</h2>${productGrid(similar)}</section>`}`;
}

function stockView({ stock_qty, in_stock }: ProductDetail): Html {
  if (!in_stock) return html`<p class="stock none">Sold out at the moment</p>`;
  if (stock_qty <= 5) return html`<p class="stock low">Only ${stock_qty} left, with you in 2 to 3 days</p>`;
  return html`<p class="stock">In stock, with you in 2 to 3 days</p>`;
}

function addForm({ id, stock_qty }: ProductDetail): Html {
  return html`<form class="add" method="post" action="/cart" data-add-to-cart>
<input type="hidden" name="product_id" value="${id}">
<label class="sr-only" for="qty">Quantity</label><input id="qty" name="qty" type="number" value="1" min="1" max="${Math.min(99, stock_qty)}">
<button class="button" type="submit">Add to cart</button></form>`;
}

function reviewView(review: Review): Html {
  return html`<article class="review"><h3>${stars(review.stars)} ${review.title}</h3><p>${review.text}</p>
<p class="small">${review.author}, ${day(review.created)}</p></article>`;
}

function reviewForm(product: ProductDetail, user: User | null, form: FormState): Html {
  if (!user) {
    return html`<aside class="panel"><h3>Do you own it?</h3><p>Tell others what you think of it.</p>
<p><a class="button quiet" href="/login?next=${encodeURIComponent(`/products/${product.id}`)}">Log in to write</a></p></aside>`;
  }
  const choices = [5, 4, 3, 2, 1].map((count) => [String(count), `${'★'.repeat(count)} (${count})`] as const);
  return html`<form class="panel" method="post" action="/products/${product.id}/reviews"><h3>Write a review</h3>
${select(form, 'stars', 'Your rating', choices)}
${field(form, 'title', 'In a few words', html`maxlength="120" required`)}
${textArea(form, 'text', 'In more words', html`rows="5" maxlength="4000"`)}
<button class="button" type="submit">Publish</button></form>`;
}

function weight(grams: number): string {
  return grams >= 1_000 ? `${(grams / 1_000).toFixed(1)} kg` : `${grams} g`;
}
