import pg from 'pg';
import { readSettings } from '../settings.ts';

const JOB = 'reprice';
/** One product in so many is on offer at a time. */
const SLOTS = 40;
/** Any fixed key will do: two runs at once would put the same products on offer twice. */
const LOCK = 20_090_402;

/**
 * The nightly job that changes prices straight in the database, behind the back of everything else: the offers of the
 * last run end, and the next fortieth of the assortment is 10 % cheaper.
 *
 * @returns how many products it changed.
 */
export async function reprice(pool: pg.Pool): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const { rows } = await client.query<{ runs: number }>(
      'SELECT count(*)::integer AS runs FROM job_log WHERE job_nm = $1',
      [JOB],
    );
    const slot = rows[0]!.runs % SLOTS;
    const ended = await client.query(
      `UPDATE prod SET prod_prc = old_prc, old_prc = NULL, upd_dt = now() AT TIME ZONE 'UTC'
        WHERE prod_st = 1 AND old_prc > prod_prc AND prod_id % $1 = $2`,
      [SLOTS, (slot + SLOTS - 1) % SLOTS],
    );
    const begun = await client.query(
      `UPDATE prod SET old_prc = prod_prc, prod_prc = round(prod_prc * 0.9, 2), upd_dt = now() AT TIME ZONE 'UTC'
        WHERE prod_st = 1 AND old_prc IS NULL AND prod_id % $1 = $2`,
      [SLOTS, slot],
    );
    const changed = (ended.rowCount ?? 0) + (begun.rowCount ?? 0);
    await client.query('INSERT INTO job_log (job_nm, rows_n) VALUES ($1, $2)', [JOB, changed]);
    await client.query('COMMIT');
    client.release();
    return changed;
  } catch (error) {
    // Destroying the connection ends its transaction, whether or not the server can still be reached.
    client.release(true);
    throw error;
  }
}

if (import.meta.main) {
  try {
    const pool = new pg.Pool({
      connectionString: readSettings(process.env).databaseUrl,
      application_name: 'shop-reprice',
      max: 1,
    });
    console.error(`Repriced ${await reprice(pool)} products.`);
    await pool.end();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
