// A path into a JSON body: a JSON Pointer (RFC 6901) in which a segment "*" stands for every item of an array or every
// member of an object: "/products/*/price". ("*" beside "/" would end a doc comment.)
export type JsonPath = '' | `/${string}`;

/** Who answers for a rule, and until when it holds. */
export interface RuleTerms {
  /** A person or a team. */
  readonly owner?: string;
  /** The last day on which the rule holds, in UTC: `2027-01-31`. From the next one on the difference counts again. */
  readonly until?: string;
}

/** How two strings may be written differently and still say the same. */
export type TextFormat =
  /** One moment: `2027-01-31T12:00:00Z` and `2027-01-31T13:00:00.000+01:00` (RFC 3339). */
  | 'timestamp'
  /** Upper and lower case. */
  | 'case'
  /** Spaces, tabs and line ends: how many, and at the ends of the text. */
  | 'space';

/** A value that is no array and no object. A number that JavaScript cannot hold exactly is its text. */
export type JsonScalar = string | number | boolean | null;

/** Says how a value of one side reads on the other: a table, or a function that knows its argument only. */
export type SideMapping = Readonly<Record<string, JsonScalar>> | ((value: JsonScalar) => JsonScalar);

/** Says that a difference does not count, and why. */
export type CompareRule = RuleTerms & { readonly reason: string } & (
    | { readonly kind: 'ignore'; readonly path: JsonPath }
    | { readonly kind: 'ignore-header'; readonly header: string }
    | { readonly kind: 'unordered'; readonly path: JsonPath; readonly by?: string }
    | { readonly kind: 'tolerance'; readonly path: JsonPath; readonly within: number }
    | { readonly kind: 'format'; readonly path: JsonPath; readonly format: TextFormat }
    | {
        readonly kind: 'map';
        readonly path: JsonPath;
        readonly side: 'control' | 'candidate';
        readonly to: SideMapping;
      }
    | { readonly kind: 'html' }
  );

/** The value at `path` may differ, be missing or be extra. */
export function ignore(path: JsonPath, reason: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'ignore', path, reason, ...terms };
}

/** A response header may differ. */
export function ignoreHeader(header: string, reason: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'ignore-header', header: header.toLowerCase(), reason, ...terms };
}

/** The array at `path` is a set: items are paired by their member `by` (or by equality), not by their place. */
export function unordered(path: JsonPath, reason: string, by?: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'unordered', path, reason, ...(by === undefined ? {} : { by }), ...terms };
}

/** Two numbers at `path` are equal if they differ by at most `within`. */
export function tolerance(path: JsonPath, within: number, reason: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'tolerance', path, within, reason, ...terms };
}

/** Two strings at `path` are equal if they say the same in another {@link TextFormat}. */
export function sameFormat(path: JsonPath, format: TextFormat, reason: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'format', path, format, reason, ...terms };
}

/**
 * One side's value at `path` is read through `to` before it is compared: `mapSide('/state', 'control', { 1: 'active' },
 * 'The service names what the monolith numbers')`. A value that a table does not have stays as it is.
 */
export function mapSide(
  path: JsonPath,
  side: 'control' | 'candidate',
  to: SideMapping,
  reason: string,
  terms: RuleTerms = {},
): CompareRule {
  return { kind: 'map', path, side, to, reason, ...terms };
}

/**
 * Pages are compared by what a visitor reads and where she can go: their texts and their links, not their markup. Other
 * rules of the route find them as `/title`, `/text/3` and `/links/0/href`.
 */
export function asHtml(reason: string, terms: RuleTerms = {}): CompareRule {
  return { kind: 'html', reason, ...terms };
}
