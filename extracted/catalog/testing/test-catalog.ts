import { applyMigrations, createLogger, IDENTITY_HEADER, type RunningService, readConfiguration } from '@shop/chassis';
import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import { SignJWT } from 'jose';
import pg from 'pg';
import { expect } from 'vitest';
import { loadCatalogDocument, startCatalog } from '../src/catalog.ts';
import { settings } from '../src/settings.ts';

const IDENTITY_SECRET = 'a secret of a test, long enough to be one';

/** The service on a database of its own, with {@link SHOP} in it. */
export interface TestCatalog {
  readonly service: RunningService;
  readonly database: TestDatabase;
  /** A connection to the service's database. */
  readonly sql: pg.Client;
  stop(): Promise<void>;
}

/** A small shop; what the tests assert is visible in it. */
const SHOP = `
  INSERT INTO category (id, slug, name, path, position, active) VALUES
    (1, 'home', 'Home', '{home}', 2, true),
    (2, 'kitchen', 'Kitchen', '{home,kitchen}', 1, true),
    (3, 'knives', 'Knives', '{home,kitchen,knives}', 1, true),
    (4, 'garden', 'Garden', '{garden}', 1, true),
    (5, 'attic', 'Attic', '{home,attic}', 0, false),
    (6, 'trunks', 'Trunks', '{home,attic,trunks}', 0, true),
    (7, 'bath', 'Bath', '{home,bath}', 1, true);
  INSERT INTO product (id, sku, name, description, brand, category_path, price_cents, previous_price_cents, tax_class,
                       attributes, status, weight_grams, created_at, updated_at) VALUES
    (1, 'KN-0001', 'Chef''s knife', 'Cuts 100% of onions', 'Stahl', '{home,kitchen,knives}', 1990, NULL, 'standard',
     '[{"name":"colour","value":"red"},{"value":"sharp"},{"name":"colour","value":"blue"},{"name":"","value":"?"}]',
     'active', 350, '2024-03-05 14:22:59Z', '2024-03-06 09:01:10Z'),
    (2, 'KN-0002', 'Bread knife', 'Saw', NULL, '{home,kitchen,knives}', 1990, 2500, 'reduced', '[]', 'active', NULL,
     '2024-03-07 00:00Z', '2024-03-07 00:00Z'),
    (3, 'PA-0003', 'Pan 100_', 'For knife and fork', 'Élan', '{home,kitchen}', 500, NULL, 'none', '[]', 'active', 1200,
     '2024-01-01 00:00Z', '2024-01-01 00:00Z'),
    (4, 'HI-0004', 'Hidden knife', '', 'Stahl', '{home,kitchen,knives}', 100, NULL, 'standard', '[]', 'hidden', NULL,
     '2024-01-01 00:00Z', '2024-01-01 00:00Z'),
    (5, 'DE-0005', 'Deleted knife', '', 'Stahl', '{home,kitchen,knives}', 100, NULL, 'standard', '[]', 'deleted', NULL,
     '2024-01-01 00:00Z', '2024-01-01 00:00Z'),
    (6, 'TR-0006', 'Trunk', 'C:\\temp', 'Stahl', '{home,attic,trunks}', 9999999999, NULL, 'standard', '[]', 'active', NULL,
     '2024-01-01 00:00Z', '2024-01-01 00:00Z');
  INSERT INTO product_rating VALUES (1, 12, 4.50), (2, 30, 4.50), (3, 1, 3.33);
  INSERT INTO product_stock VALUES (1, 20, 8), (2, 3, 3), (3, 1, 4), (6, 1, 0);
  SELECT setval(pg_get_serial_sequence('product', 'id'), 6), setval(pg_get_serial_sequence('category', 'id'), 7);`;

/** Starts the service in this process on a database of its own; `through` says how it gets there. */
export async function startTestCatalog(through: (url: string) => string = (url) => url): Promise<TestCatalog> {
  const database = await createDatabase('catalog');
  await applyMigrations(database.url, new URL('../prisma/migrations/', import.meta.url));
  const sql = new pg.Client({ connectionString: database.url });
  sql.on('error', () => {});
  await sql.connect();
  await sql.query(SHOP);
  const environment = { DATABASE_URL: through(database.url), PORT: '0', IDENTITY_SECRET };
  const service = await startCatalog(readConfiguration(settings, environment), createLogger('catalog', 'silent'));
  return {
    service,
    database,
    sql,
    stop: async () => {
      await service.stop();
      await sql.end();
      await database.drop();
    },
  };
}

/** The header that says, signed, that somebody with this role is asking. */
export async function identity(role: string, expires = '1m'): Promise<Record<string, string>> {
  const token = await new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('1')
    .setExpirationTime(expires)
    .sign(Buffer.from(IDENTITY_SECRET));
  return { [IDENTITY_HEADER]: token };
}

const document = await loadCatalogDocument();

/** An answer, read. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Asks the service, and holds the answer against its OpenAPI document. */
export async function ask(service: RunningService, target: string, init: RequestInit = {}): Promise<ReadAnswer> {
  const response = await fetch(service.url + target, init);
  const text = await response.text();
  const method = (init.method ?? 'GET').toLowerCase();
  const path = new URL(service.url + target).pathname;
  const operation = document.operations.find(
    (candidate) =>
      candidate.method === (method === 'head' ? 'get' : method) &&
      new RegExp(`^${candidate.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  if (operation && method !== 'head') {
    const type = response.headers.get('content-type') ?? undefined;
    const faults = operation.answerFaults(response.status, type, text === '' ? undefined : JSON.parse(text));
    expect(faults, `${method} ${target}: ${text}`).toEqual([]);
  }
  return { status: response.status, headers: response.headers, text };
}

/** Sends a JSON body. */
export function json(method: string, body: unknown, headers: Record<string, string>): RequestInit {
  return { method, body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } };
}
