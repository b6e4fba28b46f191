import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type RunningStack, startStack } from '../support/running-stack.ts';
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
  expect(metrics).toContain('strangler_proxy_pins_total{capability="catalog",event="given"} 100');
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
