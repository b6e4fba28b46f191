import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type RunningStack, startStack } from '../support/running-stack.ts';

let stack: RunningStack;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  stack = await startStack();
  // The narrowest that WCAG 2.2 asks for (success criterion 1.4.10, reflow).
  page = await browser.newPage({ locale: 'en-US', viewport: { width: 320, height: 640 } });
});

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

/** How many pixels a page is wider than the screen. */
async function excess(path: string): Promise<number> {
  await page.goto(stack.urls.shop + path);
  return page.evaluate('document.documentElement.scrollWidth - innerWidth');
}

const PUBLIC = ['/', '/c/home', '/c/electronics/audio', '/products/7', '/search?q=red', '/cart', '/login', '/nope'];
const SIGNED_IN = [
  '/',
  '/account',
  '/orders',
  '/admin/products',
  '/admin/products/7',
  '/admin/orders',
  '/admin/reviews',
];

test("no page of the shop has to be scrolled sideways, not an administrator's either, who has the most in the head", async () => {
  for (const path of PUBLIC) expect({ path, excess: await excess(path) }).toEqual({ path, excess: 0 });
  await page.goto(`${stack.urls.shop}/login`);
  await page.getByLabel(/e-?mail/i).fill('admin@shop.example');
  await page.getByLabel(/password/i).fill('admin');
  const main = page.getByRole('main');
  await main.getByRole('button', { name: /(log|sign) in/i }).click();
  await page.getByRole('link', { name: 'Admin' }).waitFor();
  for (const path of SIGNED_IN) expect({ path, excess: await excess(path) }).toEqual({ path, excess: 0 });
});
