import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type RunningStack, startStack } from '../support/running-stack.ts';
import { signIn, type UnleashUi } from '../support/unleash-ui.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;
let browser: Browser;
let ui: UnleashUi;

beforeAll(async () => {
  // One after the other: what has been started is known to who stops it, whichever of the two fails.
  browser = await launchBrowser();
  stack = await startStack();
  // The page's words are those of the locale.
  const page = await browser.newPage({ locale: 'en-US' });
  ui = await signIn(page, stack.urls.flags, stack.flagsUser, stack.flagsPassword);
});

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

const FLAG = 'catalog.product.serve';

async function ask(path: string, visitor?: string): Promise<{ by: string | null; body: string }> {
  const headers: Record<string, string> = visitor ? { cookie: `strangler_visitor=${visitor}` } : {};
  const answer = await fetch(stack.urls.shop + path, { headers });
  return { by: answer.headers.get('x-served-by'), body: await answer.text() };
}

/** The moment a person sees the switch move, the traffic has two seconds to follow. */
const FOLLOWS = { withinMs: 2_000 };

test('a route that is switched on in the flag UI is answered by the service, with the same content, and returns when it is switched off', async () => {
  const before = await ask('/api/products/7');
  expect(before.by).toBe('monolith');

  await ui.toggle(FLAG, true);
  const flipped = await until(
    () => ask('/api/products/7'),
    ({ by }) => by === 'catalog',
    FOLLOWS,
  );
  expect(JSON.parse(flipped.body)).toEqual(JSON.parse(before.body));
  expect((await ask('/api/categories')).by).toBe('monolith');

  await ui.toggle(FLAG, false);
  await until(
    () => ask('/api/products/7'),
    ({ by }) => by === 'monolith',
    FOLLOWS,
  );
});

test('20 % that are set in the flag UI are 20 % of a thousand visitors, and each stays on one side', async () => {
  const visitors = Array.from({ length: 1_000 }, (_, n) =>
    createHash('md5').update(`visitor ${n}`).digest('base64url'),
  );
  await ui.setShare(FLAG, 20);
  await ui.toggle(FLAG, true);
  await until(
    () => sidesOf(visitors.slice(0, 50)),
    (sides) => sides.includes('catalog') && sides.includes('monolith'),
    FOLLOWS,
  );

  const sides = await sidesOf(visitors);
  const share = sides.filter((side) => side === 'catalog').length / sides.length;
  // Three standard deviations of a thousand throws at 20 %.
  expect(Math.abs(share - 0.2)).toBeLessThan(0.038);
  expect(await sidesOf(visitors)).toEqual(sides);
  await ui.toggle(FLAG, false);
});

async function sidesOf(visitors: readonly string[]): Promise<(string | null)[]> {
  const sides: (string | null)[] = [];
  const AT_ONCE = 20;
  for (let next = 0; next < visitors.length; next += AT_ONCE) {
    const answers = visitors.slice(next, next + AT_ONCE).map((visitor) => ask('/api/products/7', visitor));
    for (const { by } of await Promise.all(answers)) sides.push(by);
  }
  return sides;
}
