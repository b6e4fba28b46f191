import { showPrice, stars } from './card.js';

/** Opens a product in a dialog, from any card's button. */
export function enhanceQuickView() {
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-quick-view]');
    if (!button) return;
    const response = await fetch(`/api/products/${button.dataset.quickView}`);
    const { product } = await response.json();
    if (product) open(product);
    else location.href = `/products/${button.dataset.quickView}`;
  });
}

function open(product) {
  const dialog = element('dialog', 'quick-view');
  dialog.setAttribute('aria-label', product.name);
  const close = element('button', 'close', '×');
  close.ariaLabel = 'Close';
  close.addEventListener('click', () => dialog.close());
  const image = element('img');
  image.src = product.image;
  image.alt = '';
  const price = element('p', 'price');
  showPrice(price, product.price, product.old_price);
  const rating = element('p', 'card-rating');
  if (product.review_count > 0) rating.append(stars(product.rating), ` ${product.review_count}`);
  const link = element('a', 'button', 'To the product');
  link.href = `/products/${product.id}`;
  const facts = element('div');
  facts.append(
    element('p', 'card-brand', product.brand ?? ''),
    element('h2', '', product.name),
    rating,
    price,
    element('p', 'description', product.description),
    element('p', product.in_stock ? 'stock' : 'stock none', product.in_stock ? 'In stock' : 'Sold out at the moment'),
    link,
  );
  const article = element('article');
  article.append(image, facts);
  dialog.append(close, article);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function element(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
