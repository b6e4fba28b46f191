import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { Registry } from 'prom-client';
import { loadMigrations } from 'strangler-migrations/define';
import { createIdentity, createProxy, createUpstreams, keptKeys } from 'strangler-proxy';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { ROOT, type RunningStack, startStack } from '../support/running-stack.ts';
import { strangler } from '../support/strangler.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;
let browser: Browser;
let page: Page;
let catalog: pg.Client;

beforeAll(async () => {
  // One after the other: what has been started is known to who stops it, whichever of the two fails.
  browser = await launchBrowser();
  stack = await startStack();
  page = await browser.newPage({ locale: 'en-US' });
  await page.goto(`${stack.urls.shop}/login`);
  await page.getByLabel(/e-?mail/i).fill('admin@shop.example');
  await page.getByLabel(/password/i).fill('admin');
  await page
    .getByRole('main')
    .getByRole('button', { name: /(log|sign) in/i })
    .click();
  await page.getByRole('link', { name: 'Admin' }).waitFor();
  catalog = new pg.Client({ connectionString: stack.databases.catalog });
  await catalog.connect();
});

afterAll(async () => {
  await catalog?.end();
  await browser?.close();
  await stack?.stop();
});

/** As an administrator does it: the product's page, a new price, the button. */
async function reprice(id: number, price: string): Promise<void> {
  await page.goto(`${stack.urls.shop}/admin/products/${id}`);
  await page.getByLabel(/^price/i).fill(price);
  await Promise.all([
    page.waitForResponse((answer) => answer.request().method() === 'POST'),
    page.getByRole('button', { name: 'Save', exact: true }).click(),
  ]);
}

async function priceInCatalog(id: number): Promise<string> {
  const { rows } = await catalog.query('SELECT price_cents FROM product WHERE id = $1', [id]);
  return rows[0].price_cents;
}

test("a price that is changed on the shop's admin page is in the catalog's database within a second", async () => {
  const took: number[] = [];
  for (const cents of ['12341', '12342', '12343', '12344', '12345']) {
    await reprice(7, `123.${cents.slice(3)}`);
    const saved = performance.now();
    await until(
      () => priceInCatalog(7),
      (now) => now === cents,
      { withinMs: 20_000 },
    );
    took.push(performance.now() - saved);
  }
  // One of five may meet a moment in which the machine has other things to do.
  expect(took.sort((a, b) => a - b)[3]).toBeLessThan(1_000);
});

test('an administrator reads back what she saved, a hundred times, although the service answers the reads', async () => {
  await strangler(stack, 'stage catalog.product live');
  await until(
    async () => (await fetch(`${stack.urls.shop}/api/products/9`)).headers.get('x-served-by'),
    (by) => by === 'catalog',
    { withinMs: 10_000 },
  );
  const cookies = new Map<string, string>();
  const ask = async (path: string, init: RequestInit = {}) => {
    const Cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { Cookie, 'Content-Type': 'application/json' };
    const answer = await fetch(stack.urls.shop + path, { ...init, headers });
    for (const field of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(field) ?? [];
      if (field.includes('Max-Age=0')) cookies.delete(name);
      else cookies.set(name, value);
    }
    return { by: answer.headers.get('x-served-by'), body: (await answer.json()) as { product: { price: number } } };
  };
  await ask('/api/login', { method: 'POST', body: '{"email":"admin@shop.example","password":"admin"}' });
  const older: number[] = [];
  for (let price = 1; price <= 100; price++) {
    await ask('/api/admin/products/9', { method: 'PUT', body: JSON.stringify({ price }) });
    const { body } = await ask('/api/products/9');
    if (body.product.price !== price) older.push(price);
  }
  expect(older).toEqual([]);
  const last = await until(
    () => ask('/api/products/9'),
    ({ by }) => by === 'catalog',
    { withinMs: 20_000 },
  );
  expect(last.body.product.price).toBe(100);
  expect([...cookies.keys()].filter((name) => name.startsWith('strangler_pin_'))).toEqual([]);
  const metrics = await (await fetch(`${stack.urls.proxy_admin}/metrics`)).text();
  // The login may have changed something of the catalog, for all that anybody knows.
  expect(metrics).toContain('strangler_proxy_pins_total{capability="catalog",event="given"} 101');
});

test('the catalog knows an administrator from a customer by what the proxy tells it, and believes nobody else', async () => {
  // A proxy that has heard that the catalog owns its writes, with the keys and the declaration of the running one.
  const { default: declaration } = await import(join(ROOT, 'migrations/identity.ts'));
  const { catalog: service, monolith } = stack.urls;
  const upstreams = createUpstreams({ monolith, catalog: service });
  const keys = await keptKeys(join(stack.state, 'proxy'));
  const registry = new Registry();
  const proxy = createProxy({
    migrations: await loadMigrations(join(ROOT, 'migrations')),
    upstreams,
    ownership: { ownerOf: () => 'service', epochOf: () => 2 },
    identity: createIdentity({ declaration, keys, upstreams, registry, logger: console }),
  });
  const server = createServer(proxy.handler).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    keys.close();
    server.close();
    server.closeAllConnections();
    await proxy.close(0);
  });
  await once(server, 'listening');
  const shop = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = async (email: string, password: string) => {
    const body = JSON.stringify({ email, password });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${shop}/api/login`, { method: 'POST', body, headers });
    expect(answer.status).toBe(200);
    return answer.headers.getSetCookie().map((field) => field.split(';')[0])[0] ?? '';
  };
  /** The price is none: what an administrator gets to hear, and nothing is written. */
  const write = async (headers: Record<string, string>) => {
    const init = {
      method: 'PUT',
      body: '{"price":"much"}',
      headers: { 'Content-Type': 'application/json', ...headers },
    };
    const answer = await fetch(`${shop}/api/admin/products/9`, init);
    await answer.arrayBuffer();
    return [answer.headers.get('x-served-by'), answer.status];
  };
  expect(await write({ Cookie: await session('admin@shop.example', 'admin') })).toEqual(['catalog', 422]);
  expect(await write({ Cookie: await session('anna@shop.example', 'anna') })).toEqual(['catalog', 403]);
  expect(await write({})).toEqual(['catalog', 401]);
  const forged = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"1","role":"admin","exp":9999999999}')}.`.replaceAll(
    '=',
    '',
  );
  expect(await write({ 'X-Strangler-Identity': forged })).toEqual(['catalog', 401]);
});

test('what is changed while change data capture is dead arrives when it is back', async () => {
  await stack.kill('cdc');
  await reprice(8, '0.99');
  await until(
    () => priceInCatalog(8),
    (cents) => cents === '99',
    { withinMs: 20_000 },
  );
  expect(
    await until(
      () => stack.pid('cdc'),
      (pid) => pid !== undefined,
      { withinMs: 20_000 },
    ),
  ).toBeTypeOf('number');
});
