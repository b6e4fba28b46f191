import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const ASK_EVERY_MS = 500;

/**
 * Leads while nobody else does: a lock of the session in the control plane's database. It keeps two instances from doing
 * the same work twice, and no more: what keeps them from harm is that every change of a guard row is a compare-and-set.
 *
 * `lead` runs with a signal that aborts once the lock may be another's. Resolves when `signal` aborts.
 */
export async function whileLeading(
  database: string,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
  onTrouble: (error: Error) => void,
): Promise<void> {
  while (!signal.aborted) {
    const client = new pg.Client({
      ...{ connectionString: database, application_name: 'strangler control: leadership' },
      ...{ connectionTimeoutMillis: 5_000, keepAlive: true },
    });
    const lost = new AbortController();
    client.on('error', () => lost.abort());
    client.on('end', () => lost.abort());
    try {
      await client.connect();
      const both = AbortSignal.any([signal, lost.signal]);
      if (await takeTurn(client, both)) {
        const watch = watchOver(client, lost, both);
        await lead(both);
        await watch;
      }
    } catch (error) {
      onTrouble(error as Error);
    } finally {
      await client.end().catch(() => {});
    }
    await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function takeTurn(client: pg.Client, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const { rows } = await client.query(
      `SELECT pg_try_advisory_lock(hashtextextended('strangler control', 0)) AS mine`,
    );
    if (rows[0].mine) return true;
    await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return false;
}

/** A connection that was cut somewhere between says nothing: it has to be asked. */
async function watchOver(client: pg.Client, lost: AbortController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = client.query('SELECT 1').then(
      () => true,
      () => false,
    );
    const inTime = await Promise.race([answer, sleep(5_000, false, { ref: false })]);
    if (!inTime) lost.abort();
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
}
