/**
 * The packed attributes of a product: `colour=red;size=XL`.
 *
 * Entries are separated by `;`, name and value by the entry's first `=`. A backslash makes a following `\`, `;` or `=` an
 * ordinary character; before anything else, and at the end, it is itself one. An empty entry is nothing. Years of
 * hand-typing have left entries without `=` in the data (`gift idea`): they have a name of `undefined` here.
 */
export interface Attribute {
  readonly name: string | undefined;
  readonly value: string;
}

/** Takes the packed text apart; never fails. */
export function unpackAttributes(packed: string): Attribute[] {
  const attributes: Attribute[] = [];
  let name: string | undefined;
  let text = '';
  let empty = true;
  const finish = () => {
    if (!empty) attributes.push({ name, value: text });
    name = undefined;
    text = '';
    empty = true;
  };
  for (let at = 0; at < packed.length; at++) {
    const character = packed[at]!;
    const next = packed[at + 1];
    if (character === ';') {
      finish();
      continue;
    }
    empty = false;
    if (character === '\\' && (next === '\\' || next === ';' || next === '=')) {
      text += next;
      at++;
    } else if (character === '=' && name === undefined) {
      name = text;
      text = '';
    } else {
      text += character;
    }
  }
  finish();
  return attributes;
}

/** Packs named attributes, in the order given. */
export function packAttributes(attributes: Readonly<Record<string, string>>): string {
  const escaped = (text: string) => text.replace(/[\\;=]/g, '\\$&');
  return Object.entries(attributes)
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .join(';');
}

/** The attributes by name, as the API shows them: nameless ones left out, the last of a name counts. */
export function attributesByName(packed: string): Record<string, string> {
  const named = unpackAttributes(packed).flatMap(({ name, value }) => (name ? [[name, value] as const] : []));
  return Object.fromEntries(named);
}
