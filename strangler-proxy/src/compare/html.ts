import { Parser } from 'htmlparser2';
import type { Json, JsonObject } from './json-value.ts';

/** What stands in no reader's way: programs, styles, and what is shown only without programs. */
const UNREAD: ReadonlySet<string> = new Set(['script', 'style', 'template', 'noscript']);

/** Elements inside a line of text; all others end it. */
const INLINE: ReadonlySet<string> = new Set(
  'a abbr b bdi bdo cite code data dfn em i kbd label mark q s samp small span strong sub sup time u var wbr'.split(
    ' ',
  ),
);

/** Attributes that lead somewhere or show something from elsewhere. */
const LINKS: Readonly<Record<string, string>> = { a: 'href', area: 'href', form: 'action', img: 'src', iframe: 'src' };

/** Attributes that a visitor reads, or hears read to her. */
const READ_ATTRIBUTES = ['alt', 'placeholder', 'aria-label'];

/**
 * A page as its visitors have it: its title, its lines of text, and where its links lead. Spaces are one space, as a
 * browser shows them; markup, classes, programs and styles are left out.
 */
export function readHtml(text: string): Json {
  const lines: string[] = [];
  const links: Json[] = [];
  let title = '';
  let line = '';
  let unread = 0;
  let inTitle = false;
  const endLine = () => {
    const clean = oneSpace(line);
    if (clean !== '') {
      lines.push(clean);
    }
    line = '';
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      if (UNREAD.has(name)) {
        unread++;
      }
      inTitle ||= name === 'title';
      if (!INLINE.has(name)) {
        endLine();
      }
      for (const attribute of READ_ATTRIBUTES) {
        const value = oneSpace(attributes[attribute] ?? '');
        if (value !== '') {
          lines.push(`[${attribute}] ${value}`);
        }
      }
      const attribute = LINKS[name];
      const target = attribute === undefined ? undefined : attributes[attribute];
      if (target !== undefined) {
        links.push(object({ [name]: target }));
      }
    },
    ontext(chunk) {
      if (inTitle) {
        title += chunk;
      } else if (unread === 0) {
        line += chunk;
      }
    },
    onclosetag(name) {
      if (UNREAD.has(name)) {
        unread--;
      }
      if (name === 'title') {
        inTitle = false;
      }
      if (!INLINE.has(name)) {
        endLine();
      }
    },
  });
  parser.end(text);
  endLine();
  return object({ title: oneSpace(title), text: lines, links });
}

function object(members: Readonly<Record<string, Json>>): JsonObject {
  return { kind: 'object', keys: Object.keys(members), values: Object.values(members) };
}

function oneSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
