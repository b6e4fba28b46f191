import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { startUpstream } from '../../test-support/servers.ts';

/** A monolith and a service over databases of their own, and a change stream between them that the test holds in hand. */
export interface TwoStores {
  readonly upstreams: { readonly monolith: string; readonly catalog: string };
  readonly databases: { readonly monolith: string; readonly catalog: string };
  /** Carries what the owner has to the other store, with its position, after `delayMs`. */
  carry(delayMs: number): Promise<void>;
  /** Runs statements in one of the databases, as its administrator. */
  run(store: 'monolith' | 'catalog', sql: string): Promise<void>;
}

/** As cdc makes it, as far as a reader of positions is concerned. */
const TABLES_SQL = `CREATE TABLE item (id text PRIMARY KEY, value integer NOT NULL);
CREATE SCHEMA strangler;
CREATE TABLE strangler.stream (capability text, direction text, system_identifier text, timeline integer, lsn pg_lsn);
CREATE TABLE strangler.dead_letter (capability text, direction text)`;

type Store = 'monolith' | 'catalog';

/** The two databases, for all tests of a file: made before the first of them, and removed after the last. */
export function twoDatabases(): Readonly<Record<Store, string>> {
  const urls = { monolith: '', catalog: '' };
  const made: TestDatabase[] = [];
  beforeAll(async () => {
    for (const store of ['monolith', 'catalog'] as const) {
      const database = await createDatabase(`pins_${store}`);
      made.push(database);
      urls[store] = database.url;
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query(TABLES_SQL);
      await client.end();
    }
  });
  afterAll(async () => {
    for (const database of made) await database.drop();
  });
  return urls;
}

/**
 * `POST /items?id=a&value=3` writes to the monolith's store, or to the service's, whichever is asked; `GET /items/a` answers
 * with the greatest value written for `a`. Nothing reaches the disk before it is answered.
 */
export async function startTwoStores(
  databases: Readonly<Record<Store, string>>,
  owner: Store = 'monolith',
): Promise<TwoStores> {
  const stores = { monolith: await startStore(databases.monolith), catalog: await startStore(databases.catalog) };
  const [from, to, direction] =
    owner === 'monolith' ? [stores.monolith, stores.catalog, 'forward'] : [stores.catalog, stores.monolith, 'reverse'];
  for (const { pool } of [from, to]) await pool.query('TRUNCATE item, strangler.stream, strangler.dead_letter');
  await to.pool.query(
    `INSERT INTO strangler.stream SELECT 'catalog', '${direction}', system_identifier, 1, '0/0' FROM pg_control_system()`,
  );

  /** With the lock, every commit that the place is behind is also one that the rows show. */
  async function read(): Promise<{ place: string; rows: readonly { id: string; value: number }[] }> {
    const client = await from.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('LOCK TABLE item IN EXCLUSIVE MODE');
      const { rows: places } = await client.query('SELECT pg_current_wal_insert_lsn()::text AS place');
      const { rows } = await client.query('SELECT id, value FROM item');
      return { place: places[0].place, rows };
    } finally {
      await client.query('COMMIT');
      client.release();
    }
  }

  return {
    upstreams: { monolith: stores.monolith.url, catalog: stores.catalog.url },
    databases,
    async carry(delayMs) {
      const { place, rows } = await read();
      await new Promise((wake) => setTimeout(wake, delayMs));
      const values = [JSON.stringify(rows), place, direction];
      await to.pool.query(
        `WITH carried AS (INSERT INTO item SELECT * FROM json_populate_recordset(NULL::item, $1)
           ON CONFLICT (id) DO UPDATE SET value = excluded.value)
         UPDATE strangler.stream SET lsn = $2 WHERE direction = $3`,
        values,
      );
    },
    run: async (store, sql) => void (await stores[store].pool.query(sql)),
  };
}

async function startStore(database: string): Promise<{ url: string; pool: pg.Pool }> {
  const pool = new pg.Pool({ connectionString: database, max: 8, options: '-c synchronous_commit=off' });
  onTestFinished(() => pool.end());
  const { url } = await startUpstream(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://store');
    if (request.method === 'POST') {
      await pool.query(
        'INSERT INTO item AS i VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET value = greatest(i.value, excluded.value)',
        [searchParams.get('id'), Number(searchParams.get('value'))],
      );
      response.writeHead(201, { 'Content-Length': '7' }).end('written');
    } else {
      const { rows } = await pool.query('SELECT value FROM item WHERE id = $1', [pathname.split('/').at(-1)]);
      response.end(String(rows[0]?.value ?? 0));
    }
  });
  return { url, pool };
}

/** What a client keeps, as a browser does. */
export interface CookieJar {
  readonly header: () => Record<string, string>;
  take(answer: Response): void;
  readonly names: () => string[];
  set(name: string, value: string): void;
}

/** An empty jar. */
export function cookieJar(): CookieJar {
  const cookies = new Map<string, string>();
  return {
    header: () =>
      cookies.size === 0 ? {} : { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    take(answer) {
      for (const field of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(field) ?? [];
        if (/; Max-Age=0(?:;|$)/i.test(field)) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    names: () => [...cookies.keys()],
    set: (name, value) => void cookies.set(name, value),
  };
}
