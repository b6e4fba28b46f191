import { money } from './card.js';

const SHOWN = 7;
const PAUSE_MILLISECONDS = 120;

/** Suggests products while one types: a combobox after the ARIA Authoring Practices, with the list below it. */
export function enhanceSearch(form) {
  const input = form.querySelector('input');
  const list = form.querySelector('[role="listbox"]');
  let timer;
  let chosen = -1;
  let abort = new AbortController();

  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, PAUSE_MILLISECONDS);
  });
  input.addEventListener('keydown', (event) => {
    const count = list.children.length;
    if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && chosen >= 0) {
      event.preventDefault();
      list.children[chosen].querySelector('a').click();
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && count > 0) {
      event.preventDefault();
      choose(
        (chosen + (event.key === 'ArrowDown' ? 1 : count - 1) + (chosen < 0 && event.key === 'ArrowUp' ? 1 : 0)) %
          count,
      );
    }
  });
  form.addEventListener('focusout', (event) => {
    if (!form.contains(event.relatedTarget)) close();
  });

  async function suggest() {
    abort.abort();
    abort = new AbortController();
    const q = input.value.trim();
    if (q.length < 2) return close();
    try {
      const response = await fetch(`/api/search?${new URLSearchParams({ q })}`, { signal: abort.signal });
      if (response.ok) show((await response.json()).hits.slice(0, SHOWN));
    } catch (error) {
      if (error.name !== 'AbortError') close();
    }
  }

  function show(hits) {
    chosen = -1;
    list.replaceChildren(...hits.map(option));
    list.hidden = hits.length === 0;
    input.ariaExpanded = String(hits.length > 0);
    input.removeAttribute('aria-activedescendant');
  }

  function close() {
    show([]);
  }

  function choose(index) {
    list.children[chosen]?.setAttribute('aria-selected', 'false');
    chosen = index;
    list.children[chosen].setAttribute('aria-selected', 'true');
    input.setAttribute('aria-activedescendant', list.children[chosen].id);
  }
}

function option(product, index) {
  const item = document.createElement('li');
  item.id = `suggestion-${index}`;
  item.role = 'option';
  item.ariaSelected = 'false';
  const link = document.createElement('a');
  link.href = `/products/${product.id}`;
  link.tabIndex = -1;
  const image = document.createElement('img');
  image.src = product.image;
  image.alt = '';
  const name = document.createElement('span');
  name.textContent = product.name;
  const price = document.createElement('b');
  price.textContent = money(product.price);
  link.append(image, name, price);
  item.append(link);
  return item;
}
