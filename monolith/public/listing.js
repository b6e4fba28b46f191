import { card } from './card.js';

/** Filters a category's list and loads more of it without loading the page again. */
export function enhanceListing(listing) {
  if (!listing) return;
  const form = listing.querySelector('[data-filters]');
  const grid = listing.querySelector('[data-grid]');
  const results = listing.querySelector('.results');
  const total = listing.querySelector('[data-total]');
  const more = document.createElement('button');
  more.type = 'button';
  more.className = 'button quiet';
  more.textContent = 'Show more';
  let latest = 0;
  let page = Number(new URLSearchParams(location.search).get('page')) || 1;

  listing.querySelector('[data-apply]').hidden = true;
  listing.querySelector('.filter-box').open = matchMedia('(min-width: 901px)').matches;
  const pages = [...listing.querySelectorAll('.pagination a')].map((link) => Number(link.textContent)).filter(Boolean);
  showMore(Math.max(1, ...pages));

  form.addEventListener('change', () => load(1));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    load(1);
  });
  more.addEventListener('click', () => load(page + 1));

  async function load(wanted) {
    const asked = ++latest;
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (value === '') query.delete(name);
    const shown = query.toString();
    query.set('category', listing.dataset.category);
    query.set('page', wanted);
    results.ariaBusy = 'true';
    const answer = await fetch(`/api/products?${query}`).then((response) =>
      response.ok ? response.json() : undefined,
    );
    // A slower answer to an older question must not overwrite a newer one.
    if (asked !== latest) return;
    results.ariaBusy = 'false';
    if (!answer) return;
    page = answer.page;
    if (wanted === 1) grid.replaceChildren();
    grid.append(...answer.products.map(card));
    total.textContent = `${answer.total} products`;
    listing.querySelector('.empty')?.remove();
    showMore(answer.pages);
    if (wanted === 1) history.replaceState(null, '', shown === '' ? location.pathname : `?${shown}`);
  }

  function showMore(pageCount) {
    listing.querySelector('[data-more]').replaceChildren(...(page < pageCount ? [more] : []));
  }
}
