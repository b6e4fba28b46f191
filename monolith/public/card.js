const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

/** An amount of the API, text or number, as people read it. */
export function money(amount) {
  return euros.format(Number(amount));
}

/** Five stars, as many filled as the rating is rounded to. */
export function stars(rating) {
  const filled = Math.round(Number(rating));
  const element = document.createElement('span');
  element.className = 'stars';
  element.role = 'img';
  element.ariaLabel = `${Number(rating).toFixed(1)} of 5 stars`;
  const rest = document.createElement('i');
  rest.textContent = '★'.repeat(5 - filled);
  element.append('★'.repeat(filled), rest);
  return element;
}

/** Fills a price element; an old price is struck out. */
export function showPrice(element, now, before) {
  element.textContent = money(now);
  const isSale = before !== null && before !== '' && Number(before) > Number(now);
  element.classList.toggle('sale', isSale);
  if (!isSale) return;
  const old = document.createElement('s');
  old.textContent = money(before);
  element.append(' ', old);
}

/** A card for a product of GET /api/products, from the page's own template. */
export function card(product) {
  const element = document.querySelector('#card-template').content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`[data-${name}]`);
  for (const link of element.querySelectorAll('[data-link]')) link.href = `/products/${product.id}`;
  part('image').src = product.image;
  part('name').textContent = product.name;
  part('brand').textContent = product.brand ?? ' ';
  part('quick-view').dataset.quickView = product.id;
  part('quick-view').ariaLabel = `Quick view of ${product.name}`;
  if (product.reviews > 0) part('rating').append(stars(product.rating), ` ${product.reviews}`);
  showPrice(part('price'), product.price, product.old_price);
  part('sold-out').hidden = product.stock !== 'N';
  const saved =
    product.old_price === '' ? 0 : Math.round((1 - Number(product.price) / Number(product.old_price)) * 100);
  part('badge').hidden = saved <= 0;
  part('badge').textContent = `−${saved} %`;
  return element;
}
