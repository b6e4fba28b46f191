import type { Codec } from './codec.ts';
import { ValueError } from './codec.ts';
import type { Query } from './query.ts';

/** What {@link proveCodec} runs on, and with what. */
export interface CodecProof {
  readonly query: Query;
  /** The types of both columns with their modifiers: `numeric(10,2)`. */
  readonly sourceType: string;
  readonly targetType: string;
  /** Values of the source column in text form, those included that the codec is to refuse. */
  readonly sourceValues: readonly string[];
  /** Values of the target column in text form, to be tried on the way back. */
  readonly targetValues?: readonly string[];
}

/**
 * Holds the four parts of a codec against each other on a real PostgreSQL, and gives every broken promise as a sentence:
 *
 * - `back(forward(x))` is x, and `forward(back(y))` is y;
 * - `forwardSql` and `backSql` give what `forward` and `back` give, to the letter;
 * - what a function refuses with a {@link ValueError}, its SQL refuses with an error;
 * - NULL stays NULL.
 *
 * A value counts as PostgreSQL stores it in the column: `19.9` in a `numeric(10,2)` is tried as `19.90`. The connection
 * has to have the settings that {@link Codec} names (`SET TimeZone = 'UTC'` is the one that servers differ in).
 */
export async function proveCodec(codec: Codec, proof: CodecProof): Promise<readonly string[]> {
  const { query, sourceType, targetType } = proof;
  const forward = await proveWay(query, proof.sourceValues, {
    name: `${codec.kind} forward`,
    types: [sourceType, targetType],
    there: (value) => codec.forward(value),
    again: (value) => codec.back(value),
    sql: codec.forwardSql('given.value'),
  });
  const back = await proveWay(query, proof.targetValues ?? [], {
    name: `${codec.kind} back`,
    types: [targetType, sourceType],
    there: (value) => codec.back(value),
    again: (value) => codec.forward(value),
    sql: codec.backSql('given.value'),
  });
  // What went forward has to come back in SQL too, so the carried values are tried as target values as well.
  const carried = await proveWay(query, forward.carried, {
    name: `${codec.kind} back`,
    types: [targetType, sourceType],
    there: (value) => codec.back(value),
    again: (value) => codec.forward(value),
    sql: codec.backSql('given.value'),
  });
  return [...forward.faults, ...back.faults, ...carried.faults];
}

interface Way {
  readonly name: string;
  readonly types: readonly [from: string, to: string];
  readonly there: (value: string) => string;
  readonly again: (value: string) => string;
  readonly sql: string;
}

interface Outcome {
  readonly faults: readonly string[];
  /** What the values became. */
  readonly carried: readonly string[];
}

async function proveWay(query: Query, values: readonly string[], way: Way): Promise<Outcome> {
  const [from, to] = way.types;
  // format('%s') calls the type's own output function; a cast to text does not always (boolean, char(n)).
  const statement =
    `SELECT CASE WHEN given.value IS NOT NULL THEN format('%s', given.value) END AS stored, ` +
    `CASE WHEN (${way.sql})::${to} IS NOT NULL THEN format('%s', (${way.sql})::${to}) END AS result ` +
    `FROM (SELECT place, text::${from} AS value FROM unnest($1::text[]) WITH ORDINALITY AS list(text, place)) AS given ` +
    `ORDER BY given.place`;
  const stored = (
    await query(
      `SELECT format('%s', text::${from}) AS stored FROM unnest($1::text[]) WITH ORDINALITY AS list(text, place) ORDER BY place`,
      [values],
    )
  ).map((row) => row.stored as string);

  const faults: string[] = [];
  const accepted: { value: string; expected: string }[] = [];
  for (const value of stored) {
    const attempt = tried(way.there, value);
    if (attempt.refused === undefined) {
      accepted.push({ value, expected: attempt.result });
      const again = tried(way.again, attempt.result);
      if (again.refused !== undefined) faults.push(`${way.name}: "${value}" does not come back: ${again.refused}`);
      else if (again.result !== value) faults.push(`${way.name}: "${value}" comes back as "${again.result}"`);
      continue;
    }
    // The statement's own error is the refusal; one value at a time, as the first would hide the others.
    const rows = await query(statement, [[value]]).catch(() => undefined);
    if (rows) faults.push(`${way.name}: SQL makes "${rows[0]?.result}" of "${value}", which is to be refused`);
  }

  const rows = await query(statement, [[...accepted.map(({ value }) => value), null]]).catch((error: Error) => error);
  if (rows instanceof Error) return { faults: [...faults, `${way.name}: SQL fails: ${rows.message}`], carried: [] };
  for (const [place, { value, expected }] of accepted.entries()) {
    const result = rows[place]?.result;
    if (result !== expected) faults.push(`${way.name}: "${value}" gives "${expected}", and "${result}" in SQL`);
  }
  if (rows.at(-1)?.result !== null) faults.push(`${way.name}: SQL makes "${rows.at(-1)?.result}" of NULL`);
  return { faults, carried: accepted.map(({ expected }) => expected) };
}

type Attempt = { readonly result: string; readonly refused?: undefined } | { readonly refused: string };

function tried(work: (value: string) => string, value: string): Attempt {
  try {
    return { result: work(value) };
  } catch (error) {
    if (error instanceof ValueError) return { refused: error.message };
    throw error;
  }
}
