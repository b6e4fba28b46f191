/** PostgreSQL's `array_isspace`: an element that holds one of these is quoted. */
const NEEDS_QUOTES = /^$|^null$|["\\{},\t\n\v\f\r ]/i;

/** The text form of a one-dimensional `text[]` without NULLs, as PostgreSQL's `array_out` writes it: `{a,"b c",""}`. */
export function formatTextArray(elements: readonly string[]): string {
  const quote = (element: string) => `"${element.replace(/["\\]/g, '\\$&')}"`;
  return `{${elements.map((element) => (NEEDS_QUOTES.test(element) ? quote(element) : element)).join(',')}}`;
}

/**
 * Reads what {@link formatTextArray} and `array_out` write. Gives undefined for everything else, which is to say: NULL
 * elements, several dimensions, bounds that do not begin at 1 (`[0:1]={a,b}`).
 */
export function parseTextArray(text: string): readonly string[] | undefined {
  if (text === '{}') return [];
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  const elements: string[] = [];
  const element = /"([^"\\]*(?:\\.[^"\\]*)*)"|([^"\\{},\t\n\v\f\r ]+)/sy;
  let at = 1;
  for (;;) {
    element.lastIndex = at;
    const found = element.exec(text);
    if (found === null) return undefined;
    const [whole, quoted, bare] = found;
    if (bare !== undefined && /^null$/i.test(bare)) return undefined;
    elements.push(bare ?? (quoted as string).replace(/\\(.)/gs, '$1'));
    at += whole.length;
    if (at === text.length - 1) return elements;
    if (text[at] !== ',') return undefined;
    at += 1;
  }
}
