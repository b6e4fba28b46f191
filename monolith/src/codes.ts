/** The meanings of a column that holds codes, both ways. */
export interface Codes<Meaning extends string, Code extends string | number> {
  readonly meanings: readonly Meaning[];
  code(meaning: Meaning): Code;
  /** @throws Error for a code that nobody has written down. */
  meaning(code: string | number): Meaning;
  isMeaning(text: unknown): text is Meaning;
}

/** Declares what the codes of a column mean. */
export function codes<Meaning extends string, Code extends string | number>(
  column: string,
  table: Readonly<Record<Meaning, Code>>,
): Codes<Meaning, Code> {
  const meanings = Object.keys(table) as Meaning[];
  const byCode = new Map<string | number, Meaning>(meanings.map((meaning) => [table[meaning], meaning]));
  return {
    meanings,
    code: (meaning) => table[meaning],
    meaning(code) {
      const meaning = byCode.get(code);
      if (meaning === undefined) throw new Error(`${column} holds ${code}, which means nothing`);
      return meaning;
    },
    isMeaning: (text): text is Meaning => typeof text === 'string' && Object.hasOwn(table, text),
  };
}
