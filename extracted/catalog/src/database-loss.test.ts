import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { createDatabaseGate, type DatabaseGate } from '../testing/database-gate.ts';
import { ask, identity, json, startTestCatalog, type TestCatalog } from '../testing/test-catalog.ts';

let gate: DatabaseGate;
let catalog: TestCatalog;

beforeAll(async () => {
  gate = await createDatabaseGate(inject('postgresUrl'));
  catalog = await startTestCatalog(gate.through);
});
afterAll(async () => {
  await catalog.stop();
  await gate.shut();
});

const READS = ['/api/products', '/api/products/1', '/api/search?q=knife', '/api/categories', '/api/categories/home'];

test('a database that goes away and comes back is a problem for as long as it is away', async () => {
  for (const target of READS) expect((await ask(catalog.service, target)).status).toBe(200);
  const before = await ask(catalog.service, '/api/products');

  await gate.shut();
  for (const target of READS) {
    const { status, headers, text } = await ask(catalog.service, target);
    expect(status, `${target}: ${text}`).toBe(503);
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(headers.get('retry-after')).toBe('1');
    expect(JSON.parse(text)).toMatchObject({ status: 503, code: 'database-unavailable' });
  }
  const admin = await identity('admin');
  const writes = [
    ask(catalog.service, '/api/admin/products/1', json('PUT', { name: 'x' }, admin)),
    ask(catalog.service, '/api/admin/products/1', { method: 'DELETE', headers: admin }),
    ask(
      catalog.service,
      '/api/admin/products',
      json('POST', { sku: 'AA-1', name: 'x', category: 'home', price: 1 }, admin),
    ),
  ];
  expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([503, 503, 503]);

  const ready = await fetch(`${catalog.service.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    ready: false,
    checks: { database: expect.stringContaining('ECONNREFUSED') },
  });
  expect((await fetch(`${catalog.service.url}/livez`)).status).toBe(200);

  await gate.open();
  const after = await ask(catalog.service, '/api/products');
  expect([after.status, after.text]).toEqual([200, before.text]);
  expect((await fetch(`${catalog.service.url}/readyz`)).status).toBe(200);
});

test('a request whose connection is lost under it is told so, and the next one is served', async () => {
  await catalog.sql.query('BEGIN; LOCK TABLE product');
  const waiting = ask(catalog.service, '/api/products/1');
  await vi.waitFor(async () => {
    const { rows } = await catalog.sql.query(
      "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'product'::regclass",
    );
    expect(rows.length).toBeGreaterThan(0);
  });
  await catalog.sql.query(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'product'::regclass",
  );
  expect((await waiting).status).toBe(503);
  await catalog.sql.query('ROLLBACK');
  expect((await ask(catalog.service, '/api/products/1')).status).toBe(200);
});
