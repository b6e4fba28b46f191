import pixelmatch from 'pixelmatch';
import type { Browser, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type RunningStack, startStack } from '../support/running-stack.ts';
import { strangler } from '../support/strangler.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
  stack = await startStack();
});

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

/** What a visitor has of one page. */
interface Seen {
  readonly at: string;
  readonly text: string;
  readonly links: readonly string[];
  readonly picture: Buffer;
}

/** The parts of a page that differ at every look, and are masked in its picture. */
const NOISE = ['time', '[data-noise]'];

async function look(page: Page, at: string): Promise<Seen> {
  await page.waitForLoadState('networkidle');
  const mask = NOISE.map((selector) => page.locator(selector));
  const picture = await page.screenshot({ mask, animations: 'disabled', caret: 'hide' });
  return {
    at,
    text: await page.locator('body').innerText(),
    links: await page.evaluate(`[...document.links].map((link) => link.pathname + link.search)`),
    picture,
  };
}

/** Pixels that a visitor would see differ; how a browser smooths the edges of letters is not among them. */
function differingPixels(one: Buffer, other: Buffer): number {
  const [left, right] = [PNG.sync.read(one), PNG.sync.read(other)];
  return pixelmatch(left.data, right.data, undefined, left.width, left.height, { threshold: 0.1 });
}

/** A visit: pages, a search as she types, a product in the cart; and what the shop's own programs are answered. */
async function visit(): Promise<readonly Seen[]> {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1024, height: 768 } });
  const page = await context.newPage();
  const seen: Seen[] = [];
  for (const path of ['/', '/c/home', '/products/7', '/search?q=red', '/c/no-such']) {
    await page.goto(stack.urls.shop + path);
    seen.push(await look(page, path));
  }
  await page.goto(stack.urls.shop);
  await page.getByRole('searchbox').or(page.getByRole('combobox')).first().pressSequentially('kni');
  seen.push(await look(page, 'typing a search'));
  await page.goto(`${stack.urls.shop}/products/8`);
  await page
    .getByRole('button', { name: /add to/i })
    .first()
    .click();
  seen.push(await look(page, 'a product in the cart'));
  for (const path of ['/api/products?page=2', '/api/products/7', '/api/categories', '/api/search?q=red']) {
    await page.goto(stack.urls.shop + path);
    seen.push(await look(page, path));
  }
  await context.close();
  return seen;
}

const ROUTES = ['list-products', 'product', 'search', 'categories', 'category'];

async function servedBy(): Promise<string | null> {
  const answer = await fetch(`${stack.urls.shop}/api/products/7`);
  await answer.arrayBuffer();
  return answer.headers.get('x-served-by');
}

test('a visitor sees the same with everything on the monolith and with the reads on the service', async () => {
  const before = await visit();
  for (const route of ROUTES) await strangler(stack, `stage catalog.${route} live`);
  await until(servedBy, (name) => name === 'catalog', { withinMs: 10_000 });
  const after = await visit();
  for (const [index, { picture, ...seen }] of after.entries()) {
    const { picture: pictureBefore, ...seenBefore } = before[index]!;
    expect(seen).toEqual(seenBefore);
    expect({ at: seen.at, pixels: differingPixels(pictureBefore, picture) }).toEqual({ at: seen.at, pixels: 0 });
  }
});
