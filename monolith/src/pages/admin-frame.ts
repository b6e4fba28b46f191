import { type Html, html } from './html.ts';

const AREAS = ['products', 'orders', 'reviews'] as const;

/** The frame of the administrators' pages: where they are, and where else they can go. */
export function adminFrame(area: (typeof AREAS)[number], content: Html): Html {
  return html`<div class="admin"><nav class="tabs" aria-label="Administration">${AREAS.map(
    (name) => html`<a href="/admin/${name}"${name === area && html` aria-current="page"`}>${name}</a>`,
  )}</nav>${content}</div>`;
}
