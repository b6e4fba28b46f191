import { expect } from 'vitest';
import type { Stores } from './stores.ts';

/** Rows whose number only ever rises: one that a reader sees go back was overwritten with an older value. */
export interface RisingRows {
  readonly table: string;
  readonly column: string;
  readonly firstId: number;
  readonly rows: number;
}

/** Runs `work` while one session raises rows of the source and another one watches those of the target. Test code only. */
export async function whileRowsRise(
  stores: Stores,
  { table, column, firstId, rows: count }: RisingRows,
  work: () => Promise<void>,
): Promise<void> {
  let going = true;
  const write = async () => {
    const client = await stores.session('source');
    for (let n = 0; going; n++) {
      await client.query(`UPDATE ${table} SET ${column} = ${column} + 1 WHERE id = $1`, [firstId + ((n * 7) % count)]);
      // Not all that the machine can: the stream has to follow.
      await new Promise((wake) => setTimeout(wake, 12));
    }
  };
  const read = async () => {
    const client = await stores.session('target');
    const seen = new Map<number, number>();
    while (going) {
      const { rows } = await client.query(`SELECT id, ${column} AS n FROM ${table}`);
      for (const { id, n } of rows) {
        expect(n, `${table} ${id}`).toBeGreaterThanOrEqual(seen.get(id) ?? 0);
        seen.set(id, n);
      }
    }
  };
  const busy = Promise.all([write(), read()]);
  try {
    await work();
  } finally {
    going = false;
    await busy;
  }
}
