/**
 * A JSON text as a tree that loses nothing which JSON.parse loses: numbers as they were written, and every member of an
 * object even if its name occurs twice.
 */
export type Json = null | boolean | string | number | ExactNumber | readonly Json[] | JsonObject;

/** A number that is not an integer of up to 15 digits (those are plain numbers): its text, as it was written. */
export interface ExactNumber {
  readonly kind: 'number';
  readonly text: string;
}

/** Members in the order of the text; a name may occur more than once (RFC 8259 section 4 leaves its meaning open). */
export interface JsonObject {
  readonly kind: 'object';
  readonly keys: readonly string[];
  readonly values: readonly Json[];
}

/** Nesting that is still read; deeper texts are compared as bytes. Recursion is what it bounds. */
const depthMax = 512;
const maxPlainDigits = 15;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** Reads a JSON text (RFC 8259); undefined if it is none, or is nested more than 512 deep. */
export function parseJson(text: string): Json | undefined {
  let at = 0;

  function skipSpace(): number {
    let code = text.charCodeAt(at);
    while (code === 32 || code === 10 || code === 13 || code === 9) {
      code = text.charCodeAt(++at);
    }
    return code;
  }

  function readValue(depth: number): Json {
    const code = skipSpace();
    if (code === 34) {
      return readString();
    }
    if (code === 123) {
      return readObject(depth + 1);
    }
    if (code === 91) {
      return readArray(depth + 1);
    }
    if (code === 116) {
      return readWord('true', true);
    }
    if (code === 102) {
      return readWord('false', false);
    }
    if (code === 110) {
      return readWord('null', null);
    }
    return readNumber();
  }

  function readWord<Word extends Json>(word: string, value: Word): Word {
    if (!text.startsWith(word, at)) {
      throw notJson;
    }
    at += word.length;
    return value;
  }

  function readNumber(): number | ExactNumber {
    const start = at;
    let code = text.charCodeAt(at);
    if (code >= 49 && code <= 57) {
      let value = 0;
      do {
        value = value * 10 + code - 48;
        code = text.charCodeAt(++at);
      } while (code >= 48 && code <= 57);
      if (at - start <= maxPlainDigits && code !== 46 && code !== 101 && code !== 69) {
        return value;
      }
    }
    number.lastIndex = start;
    if (!number.test(text)) {
      throw notJson;
    }
    at = number.lastIndex;
    const written = text.slice(start, at);
    // A lone zero needs no exactness; "-0" keeps its sign in its text.
    return written === '0' ? 0 : { kind: 'number', text: written };
  }

  function readString(): string {
    const start = ++at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 34) {
        return text.slice(start, at++);
      }
      if (code === 92) {
        return readEscapedString(start);
      }
      if (!(code >= 32)) {
        throw notJson;
      }
      at++;
    }
  }

  function readEscapedString(start: number): string {
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 34) {
        at++;
        // JSON.parse decodes the escapes, and refuses those that do not exist.
        return JSON.parse(text.slice(start - 1, at)) as string;
      }
      if (Number.isNaN(code)) {
        throw notJson;
      }
      at += code === 92 ? 2 : 1;
    }
  }

  function readArray(depth: number): readonly Json[] {
    const items: Json[] = [];
    if (depth > depthMax) {
      throw notJson;
    }
    at++;
    if (skipSpace() === 93) {
      at++;
      return items;
    }
    for (;;) {
      items.push(readValue(depth));
      const code = skipSpace();
      at++;
      if (code === 93) {
        return items;
      }
      if (code !== 44) {
        throw notJson;
      }
    }
  }

  function readObject(depth: number): JsonObject {
    const keys: string[] = [];
    const values: Json[] = [];
    if (depth > depthMax) {
      throw notJson;
    }
    at++;
    if (skipSpace() === 125) {
      at++;
      return { kind: 'object', keys, values };
    }
    for (;;) {
      if (skipSpace() !== 34) {
        throw notJson;
      }
      keys.push(readString());
      if (skipSpace() !== 58) {
        throw notJson;
      }
      at++;
      values.push(readValue(depth));
      const code = skipSpace();
      at++;
      if (code === 125) {
        return { kind: 'object', keys, values };
      }
      if (code !== 44) {
        throw notJson;
      }
    }
  }

  try {
    const value = readValue(0);
    skipSpace();
    return at === text.length ? value : undefined;
  } catch (error) {
    if (error === notJson || error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

const notJson = new Error('not a JSON text');

export function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value) && value.kind === 'object';
}

export function isNumber(value: Json): value is number | ExactNumber {
  return (
    typeof value === 'number' ||
    (typeof value === 'object' && value !== null && !isArray(value) && value.kind === 'number')
  );
}

/** The type's name as a person says it. */
export function typeName(value: Json): string {
  if (value === null) {
    return 'null';
  }
  if (isArray(value)) {
    return 'array';
  }
  return typeof value === 'object' ? value.kind : typeof value;
}
