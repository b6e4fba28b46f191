import { parseArgs } from 'node:util';
import pg from 'pg';
import { people } from './seed/people.ts';
import { categories, products, type SeededProduct } from './seed/products.ts';
import { seededRandom } from './seed/random.ts';
import { copyRows, type Row } from './seed/rows.ts';
import { trade } from './seed/trade.ts';
import { readSettings } from './settings.ts';

/** Any fixed key will do: two seeds at once must not both find the shop empty. */
const LOCK = 20_090_401;
const SERIALS = {
  usr: 'usr_id',
  categ: 'cat_id',
  prod: 'prod_id',
  ord_hdr: 'ord_id',
  pay: 'pay_id',
  shpmt: 'shp_id',
  rvw: 'rvw_id',
};

/**
 * Fills an empty shop with about 2,000 products, 500 users and 5,000 orders, times `scale`; the same ones each time.
 *
 * @returns rows by table, or undefined when the shop has users already: then nothing is changed.
 */
export async function seed(databaseUrl: string, scale = 1): Promise<Record<string, number> | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'shop-seed' });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const { rows } = await client.query('SELECT 1 FROM usr LIMIT 1');
    if (rows.length > 0) return undefined;
    const counts = await fill(client, scale);
    await client.query('COMMIT');
    await client.query('ANALYZE');
    return counts;
  } finally {
    await client.end();
  }
}

async function fill(client: pg.Client, scale: number): Promise<Record<string, number>> {
  const random = seededRandom(20_090_401);
  const counts: Record<string, number> = {};
  const load = async (table: string, columns: string, rows: Iterable<Row>) => {
    counts[table] = await copyRows(client, table, columns, rows);
  };
  const users = await people(500 * scale, random);
  await load('usr', 'usr_id, eml, pw_hsh, usr_nm, rl, adr_ln, zip, cty, cntry_cd, actv, crt_dt', users);
  await load('categ', 'cat_id, cat_cd, cat_nm, cat_path, srt, actv', categories());
  const known: SeededProduct[] = [];
  await load(
    'prod',
    'prod_id, sku, prod_nm, prod_dsc, brnd_nm, cat_path, prod_prc, old_prc, tax_cd, attr_txt, prod_st, wght_g, img_no, crt_dt, upd_dt',
    products(2_000 * scale, random, (product) => known.push(product)),
  );
  const past = trade(5_000 * scale, users, known, random);
  await load('inv', 'prod_id, wh_cd, qty_oh, qty_rsv, upd_dt', known.map(stock));
  await load('ord_hdr', 'ord_id, ord_no, usr_id, ord_st, tot_amt, ship_amt, adr_txt, crt_dt, upd_dt', past.orders);
  await load('ord_ln', 'ord_id, ln_no, prod_id, qty, unit_prc', past.lines);
  await load('pay', 'pay_id, ord_id, amt, pay_st, prvdr_ref, err_txt, crt_dt', past.payments);
  await load('shpmt', 'shp_id, ord_id, crr_cd, trk_no, shp_st, snt_dt', past.shipments);
  // The trigger fills prod_sum, row by row, as it does for every review.
  await load('rvw', 'rvw_id, prod_id, usr_id, strs, ttl, txt, rvw_st, crt_dt', past.reviews);
  for (const [table, column] of Object.entries(SERIALS)) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence('${table}', '${column}'), (SELECT max(${column}) FROM ${table}))`,
    );
  }
  return counts;

  function stock(product: SeededProduct): Row {
    const reserved = past.reserved.get(product.id) ?? 0;
    const free = product.id === 7 ? 12 : random.chance(0.07) ? 0 : random.integer(1, 80);
    return [product.id, random.chance(0.9) ? 'BER' : 'LEJ', reserved + free, reserved, '2026-11-16 05:00:00'];
  }
}

/** The value of `--scale`. @throws Error when it is not a whole number from 1 to 1000. */
function readScale(): number {
  const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' } } });
  const scale = Number(values.scale);
  if (Number.isInteger(scale) && scale >= 1 && scale <= 1_000) return scale;
  throw new Error('--scale must be a whole number from 1 to 1000: how many times 2,000 products.');
}

if (import.meta.main) {
  try {
    const scale = readScale();
    const counts = await seed(readSettings(process.env).databaseUrl, scale);
    const list = Object.entries(counts ?? {}).map(([table, count]) => `${count} ${table}`);
    console.error(counts ? `Seeded ${list.join(', ')}.` : 'The shop has data already; nothing was changed.');
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
