import { createHash } from 'node:crypto';
import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { seed } from './seed.ts';
import { passwordMatches } from './users/passwords.ts';

const TABLES = ['usr', 'categ', 'prod', 'prod_sum', 'inv', 'ord_hdr', 'ord_ln', 'pay', 'shpmt', 'rvw'];
const databases: TestDatabase[] = [];
let client: pg.Client;

async function seeded(): Promise<TestDatabase> {
  const database = await createDatabase('seed');
  databases.push(database);
  await migrate(database.url);
  await seed(database.url);
  return database;
}

beforeAll(async () => {
  client = new pg.Client({ connectionString: (await seeded()).url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  for (const database of databases) await database.drop();
});

const number = async (sql: string) => Number((await client.query({ text: sql, rowMode: 'array' })).rows[0]![0]);

describe('the seed', () => {
  it('is about 2,000 products, 500 users, 5,000 orders and more than 4,000 reviews', async () => {
    expect(await number('SELECT count(*) FROM prod')).toBe(2_000);
    expect(await number('SELECT count(*) FROM usr')).toBe(500);
    expect(await number('SELECT count(*) FROM ord_hdr')).toBe(5_000);
    expect(await number('SELECT count(*) FROM rvw')).toBeGreaterThan(4_000);
    expect(await number("SELECT count(*) FROM categ WHERE cat_path LIKE '%/%/%'")).toBeGreaterThan(40);
  });

  it('comes out the same each time', async () => {
    const other = await seeded();
    expect(await digests(other.url)).toEqual(await digests(databases[0]!.url));
  });

  it('does nothing when the shop has data', async () => {
    expect(await seed(databases[0]!.url)).toBeUndefined();
    expect(await number('SELECT count(*) FROM prod')).toBe(2_000);
  });

  it('leaves the sequences behind the last row', async () => {
    expect(await number("SELECT nextval('prod_prod_id_seq')")).toBe(2_001);
    expect(await number("SELECT nextval('ord_hdr_ord_id_seq')")).toBe(5_001);
  });

  it('has the two logins of the README', async () => {
    const { rows } = await client.query("SELECT eml, rl, pw_hsh FROM usr WHERE eml LIKE '%@shop.example' ORDER BY 1");
    expect(rows.map((row) => [row.eml, row.rl])).toEqual([
      ['admin@shop.example', 'A'],
      ['anna@shop.example', 'C'],
    ]);
    expect(await passwordMatches('admin', rows[0].pw_hsh)).toBe(true);
    expect(await passwordMatches('anna', rows[1].pw_hsh)).toBe(true);
    expect(await number('SELECT count(*) FROM ord_hdr WHERE usr_id = 2')).toBeGreaterThan(10);
  });

  it('has what makes old data hard: odd attributes, hidden, deleted and misfiled products', async () => {
    expect(await number("SELECT count(*) FROM prod WHERE attr_txt LIKE '%;gift idea%'")).toBeGreaterThan(5);
    expect(await number('SELECT count(DISTINCT prod_st) FROM prod')).toBe(3);
    expect(
      await number('SELECT count(*) FROM prod p WHERE NOT EXISTS (SELECT FROM categ c WHERE c.cat_path = p.cat_path)'),
    ).toBe(1);
    expect(await number('SELECT count(*) FROM prod WHERE brnd_nm IS NULL')).toBeGreaterThan(100);
  });

  it('agrees with itself: totals, reserved stock and review averages', async () => {
    expect(
      await number(
        'SELECT count(*) FROM ord_hdr o WHERE tot_amt <> ship_amt + (SELECT sum(qty * unit_prc) FROM ord_ln l WHERE l.ord_id = o.ord_id)',
      ),
    ).toBe(0);
    expect(await number('SELECT sum(qty_rsv) FROM inv')).toBe(
      await number('SELECT sum(qty) FROM ord_ln JOIN ord_hdr USING (ord_id) WHERE ord_st IN (10, 20)'),
    );
    expect(
      await number(
        "SELECT count(*) FROM prod_sum s WHERE rvw_cnt <> (SELECT count(*) FROM rvw r WHERE r.prod_id = s.prod_id AND rvw_st = 'P')",
      ),
    ).toBe(0);
  });
});

async function digests(url: string): Promise<Record<string, string>> {
  const reader = new pg.Client({ connectionString: url });
  await reader.connect();
  const result: Record<string, string> = {};
  for (const table of TABLES) {
    const { rows } = await reader.query(`SELECT t::text FROM ${table} t ORDER BY 1`);
    result[table] = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  }
  await reader.end();
  return result;
}
