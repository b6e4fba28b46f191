import { sqlState } from '../errors.ts';

/** Undefined where the schema strangler, or what is asked of it, is not there yet. */
export async function unlessAbsent<T>(query: Promise<T>): Promise<T | undefined> {
  try {
    return await query;
  } catch (error) {
    if (ABSENT.includes(sqlState(error) ?? '')) return undefined;
    throw error;
  }
}

/** Undefined table, schema, column: a ledger that an older version made lacks some. */
const ABSENT = ['42P01', '3F000', '42703'];
