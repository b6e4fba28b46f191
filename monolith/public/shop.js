// What the pages do by themselves, over the shop's JSON API. Everything works without it, only slower.

import { enhanceListing } from './listing.js';
import { enhanceQuickView } from './quick-view.js';
import { enhanceSearch } from './suggestions.js';

enhanceSearch(document.querySelector('form.search'));
enhanceListing(document.querySelector('[data-listing]'));
enhanceQuickView();

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
    event.preventDefault();
  } else if ('addToCart' in form.dataset) {
    event.preventDefault();
    await addToCart(form);
  }
});

async function addToCart(form) {
  const { product_id, qty } = Object.fromEntries(new FormData(form));
  const response = await fetch('/api/cart/lines', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ product_id: Number(product_id), qty: Number(qty) }),
  });
  const answer = await response.json();
  if (response.ok) {
    document.querySelector('[data-cart-count]').textContent = answer.cart.count;
    say(`In your cart. ${answer.cart.count} ${answer.cart.count === 1 ? 'piece' : 'pieces'} now.`);
  } else {
    say(answer.error === 'NO_STOCK' ? `There are only ${answer.available} of that one.` : 'That did not work.');
  }
}

let silence;

function say(text) {
  const toast = document.querySelector('.toast');
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => {
    toast.hidden = true;
  }, 4000);
}
