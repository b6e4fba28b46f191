// A path into a JSON body: a JSON Pointer (RFC 6901) in which a segment "*" stands for every item of an array or every
// member of an object: "/products/*/price". ("*" beside "/" would end a doc comment.)
export type JsonPath = '' | `/${string}`;

/** Says that a difference does not count, and why. */
export type CompareRule =
  | { readonly kind: 'ignore'; readonly path: JsonPath; readonly reason: string }
  | { readonly kind: 'ignore-header'; readonly header: string; readonly reason: string }
  | { readonly kind: 'unordered'; readonly path: JsonPath; readonly by?: string; readonly reason: string }
  | { readonly kind: 'tolerance'; readonly path: JsonPath; readonly within: number; readonly reason: string };

/** The value at `path` may differ, be missing or be extra. */
export function ignore(path: JsonPath, reason: string): CompareRule {
  return { kind: 'ignore', path, reason };
}

/** A response header may differ. */
export function ignoreHeader(header: string, reason: string): CompareRule {
  return { kind: 'ignore-header', header: header.toLowerCase(), reason };
}

/** The array at `path` is a set: items are paired by their member `by` (or by equality), not by their place. */
export function unordered(path: JsonPath, reason: string, by?: string): CompareRule {
  return by === undefined ? { kind: 'unordered', path, reason } : { kind: 'unordered', path, by, reason };
}

/** Two numbers at `path` are equal if they differ by at most `within`. */
export function tolerance(path: JsonPath, within: number, reason: string): CompareRule {
  return { kind: 'tolerance', path, within, reason };
}
