// Elements without markup in strings: whatever an upstream sent is text here, and stays text.

/**
 * Makes an element. Attributes that are false or undefined are left out; children may be nested lists.
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...unknown} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'onclick') {
      element.addEventListener('click', value);
    } else if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== false));
  return element;
}

const numbers = new Intl.NumberFormat('en');

/** 12,304 */
export function count(number) {
  return numbers.format(number);
}

/** A share as a percentage that never rounds up to 100 or down to 0: 99.97 %, not 100 %. */
export function percent(share) {
  const shown = share > 0.999 && share < 1 ? Math.floor(share * 1e4) / 100 : Math.round(share * 1e3) / 10;
  return `${shown === 0 && share > 0 ? '<0.1' : shown} %`;
}

/** A duration that a person compares at a glance. */
export function milliseconds(value) {
  if (value === null) {
    return '–';
  }
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;
}

/** How long ago a moment was; {@link tick} keeps it true. */
export function ago(iso) {
  return h('time', { datetime: iso }, since(iso));
}

/** Brings every `ago` of the page up to date. */
export function tick() {
  for (const time of document.querySelectorAll('time')) {
    const text = since(time.dateTime);
    if (time.textContent !== text) {
      time.textContent = text;
    }
  }
}

function since(iso) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (seconds < 60) {
    return seconds < 5 ? 'just now' : `${seconds} s ago`;
  }
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}
