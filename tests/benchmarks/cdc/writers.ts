import { setTimeout as sleep } from 'node:timers/promises';
import { ROWS_SQL, run, withSession } from './stores.ts';

const INSERT = `INSERT INTO prod ${ROWS_SQL}`;

/** Rows of one transaction where transactions are large. */
export const BULK_ROWS = 10_000;

/** Something that fills the source's log. */
export type Writer = (url: string, first: number, rows: number) => Promise<void>;

/** Transactions of ten thousand rows each. */
export const inBulk: Writer = (url, first, rows) =>
  withSession(url, async (client) => {
    await client.query('SET synchronous_commit = off');
    for (let done = 0; done < rows; done += BULK_ROWS) {
      await client.query(INSERT, [first + done, Math.min(BULK_ROWS, rows - done)]);
    }
  });

/** The same rows, each changed once, in the same transactions. */
export const changedInBulk: Writer = (url, first, rows) =>
  withSession(url, async (client) => {
    await client.query('SET synchronous_commit = off');
    for (let done = 0; done < rows; done += BULK_ROWS) {
      await client.query('UPDATE prod SET stk = stk + 1 WHERE prod_id >= $1 AND prod_id < $2', [
        first + done,
        first + Math.min(done + BULK_ROWS, rows),
      ]);
    }
  });

/** A transaction for each row, by a loop inside the server: no client could write as fast. */
export const oneByOne: Writer = (url, first, rows) =>
  withSession(url, async (client) => {
    await client.query('SET synchronous_commit = off');
    const body = ROWS_SQL.replaceAll('$1', 'place').replace('$2', '1');
    await client.query(
      `DO $$ BEGIN FOR place IN ${first}..${first + rows - 1} LOOP INSERT INTO prod ${body}; COMMIT; END LOOP; END $$`,
    );
  });

/** One transaction, whatever its size. */
export const atOnce: Writer = async (url, first, rows) => {
  await run(url, INSERT, [first, rows]);
};

const SESSIONS = 8;

/** A transaction per row, at an even rate, for so long. Answers with the rows that it wrote. */
export async function atRate(url: string, first: number, perSecond: number, seconds: number): Promise<number> {
  const rows = Math.round(perSecond * seconds);
  const began = performance.now();
  let next = 0;
  const work = () =>
    withSession(url, async (client) => {
      while (next < rows) {
        const row = next++;
        const earlyMs = (row / perSecond) * 1_000 - (performance.now() - began);
        if (earlyMs > 1) await sleep(earlyMs);
        await client.query({ name: 'insert', text: INSERT, values: [first + row, 1] });
      }
    });
  await Promise.all(Array.from({ length: SESSIONS }, work));
  return rows;
}
