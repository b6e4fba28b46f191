/** What cannot be written into a declaration by a program; the message says what to do by hand. */
export class RuleNotWritten extends Error {
  override readonly name = 'RuleNotWritten';
}

/** The functions that make comparison rules; a declaration imports those that it uses. */
const RULE_FUNCTIONS = ['ignore', 'ignoreHeader', 'unordered', 'tolerance', 'sameFormat', 'mapSide', 'asHtml'];
const VOCABULARY = 'strangler-migrations/define';

/**
 * The text of a declaration with one comparison rule more, for a person to review and commit. It changes the text where
 * the route stands and leaves all else as it was written; where the route is not written as `read('GET /path')`, it does
 * not guess.
 *
 * @param rule as it is written in TypeScript: `ignore('/took', 'Time taken')`
 * @throws {RuleNotWritten}
 */
export function writeRule(
  declaration: string,
  route: { readonly id: string; readonly method: string; readonly path: string },
  rule: string,
): string {
  const called = /^([A-Za-z]+)\(.*\)$/s.exec(rule.trim())?.[1];
  if (called === undefined || !RULE_FUNCTIONS.includes(called)) {
    throw new RuleNotWritten(`"${rule}" is no comparison rule: write one of ${RULE_FUNCTIONS.join(', ')}(...)`);
  }
  return withImport(withRule(declaration, route, rule.trim()), called);
}

function withRule(
  text: string,
  { id, method, path }: { readonly id: string; readonly method: string; readonly path: string },
  rule: string,
): string {
  const byHand = `paste it by hand: ${id}: read('${method} ${path}', { compare: [${rule}] })`;
  const literally = (plain: string) => plain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const places = [
    ...text.matchAll(new RegExp(`\\b(?:read|write)\\(\\s*(['"\`])${literally(`${method} ${path}`)}\\1`, 'g')),
  ];
  const [place, ...more] = places;
  if (place === undefined || more.length > 0) {
    throw new RuleNotWritten(`the declaration has ${places.length} places that read like ${method} ${path}; ${byHand}`);
  }
  const end = place.index + place[0].length;
  const rest = text.slice(end);
  const bare = /^\s*,?\s*\)/.exec(rest);
  if (bare !== null) return `${text.slice(0, end)}, { compare: [${rule}] })${rest.slice(bare[0].length)}`;
  const listed = /^\s*,\s*\{\s*compare:\s*\[/.exec(rest);
  if (listed === null) throw new RuleNotWritten(`its options are not written as { compare: [...] }; ${byHand}`);
  const after = rest.slice(listed[0].length);
  return `${text.slice(0, end)}${listed[0]}${rule}${/^\s*\]/.test(after) ? '' : ', '}${after}`;
}

function withImport(text: string, name: string): string {
  const found = new RegExp(`import\\s*\\{([^}]*)\\}\\s*from\\s*['"]${VOCABULARY}['"]`).exec(text);
  if (found === null) return `import { ${name} } from '${VOCABULARY}';\n${text}`;
  const names = (found[1] ?? '').split(',').map((each) => each.trim());
  if (names.includes(name)) return text;
  const at = found.index + found[0].indexOf('{') + 1;
  const isMultiline = /^\s*\n/.test(text.slice(at));
  return `${text.slice(0, at)}${isMultiline ? `\n  ${name},` : ` ${name},`}${text.slice(at)}`;
}
