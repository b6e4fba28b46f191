const MARKUP = Symbol('markup');

/** Text that is safe to send as HTML; only {@link html} and {@link markup} make it. */
export interface Html {
  readonly [MARKUP]: string;
}

/** What may stand in a template: text is escaped, nothing is left out, lists are joined. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

/** A template for HTML: everything that is put into it is escaped, in text and in quoted attributes, unless it is HTML itself. */
export function html(texts: TemplateStringsArray, ...contents: Content[]): Html {
  let result = texts[0]!;
  contents.forEach((content, index) => {
    result += toText(content) + texts[index + 1]!;
  });
  return { [MARKUP]: result };
}

/** Declares text of our own making to be HTML. Never call it with anything that a user wrote. */
export function markup(text: string): Html {
  return { [MARKUP]: text };
}

/** The text to send. */
export function render(page: Html): string {
  return page[MARKUP];
}

function toText(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (typeof content === 'string') return escapeHtml(content);
  if (typeof content === 'number') return String(content);
  if (Array.isArray(content)) return content.map(toText).join('');
  return (content as Html)[MARKUP];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
