import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type CatalogLoad, startCatalogLoad } from '../support/catalog-load.ts';
import { lookUp } from '../support/catalog-stores.ts';
import { type RunningStack, startStack } from '../support/running-stack.ts';
import { strangler } from '../support/strangler.ts';
import { signIn, type UnleashUi } from '../support/unleash-ui.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;
let browser: Browser;
let ui: UnleashUi;
let load: CatalogLoad;

const PREFIX = 'JOURNEY';
const MOVES = { withinMs: 30_000 };

beforeAll(async () => {
  // One after the other: what has been started is known to who stops it, whichever of the two fails.
  browser = await launchBrowser();
  // What is looked at is not how fast a busy machine is.
  stack = await startStack({ env: { STRANGLER_GATE_LAG_MS: '10000' } });
  // The flag server, the flags and the guards come last.
  await until(
    () => statusOf().catch(() => undefined),
    (data) => data?.state === 'settled',
    { withinMs: 60_000 },
  );
  const page = await browser.newPage({ locale: 'en-US' });
  ui = await signIn(page, stack.urls.flags, stack.flagsUser, stack.flagsPassword);
  await compareALot();
  load = await startCatalogLoad({ shops: [stack.urls.shop], prefix: PREFIX, createEveryMs: 50 });
});

afterAll(async () => {
  await load?.stop();
  await browser?.close();
  await stack?.stop();
});

/** A cut-over asks for a hundred comparisons that were equal. */
async function compareALot(): Promise<void> {
  await strangler(stack, 'stage catalog.product shadow');
  const compared = async () => {
    // As many as the proxy compares at once: what it has no room for it skips.
    const ids = [100, 101, 102, 103];
    await Promise.all(ids.map(async (id) => (await fetch(`${stack.urls.shop}/api/products/${id}`)).text()));
    return (await statusOf()).parity.sample;
  };
  await until(compared, (sample) => sample >= 100, { withinMs: 60_000 });
}

interface Data {
  readonly state: string;
  readonly owner: string;
  readonly epoch: number;
  readonly under_way: unknown;
  readonly parity: { readonly sample: number };
  readonly last: { readonly state: string; readonly said: string } | null;
}

/** What the control plane says of the catalog. */
async function statusOf(): Promise<Data> {
  const { urls, control_token } = JSON.parse(await readFile(`${stack.state}/stack.json`, 'utf8'));
  const headers = { authorization: `Bearer ${control_token}` };
  const answer = await fetch(`${urls.control}/v1/status`, { headers });
  return ((await answer.json()) as { capabilities: [Data] }).capabilities[0];
}

async function writtenBy(): Promise<string | null> {
  const answer = await fetch(`${stack.urls.shop}/api/admin/products/999999999`, { method: 'DELETE' });
  return answer.headers.get('x-served-by');
}

test('with administrators at work the writes go to the service and come back, by command: nobody is refused, and nothing is lost', async () => {
  expect(await writtenBy()).toBe('monolith');
  load.mark();
  await strangler(stack, 'cutover catalog');
  expect(await writtenBy()).toBe('catalog');
  expect(await statusOf()).toMatchObject({ owner: 'service', epoch: 2 });
  await until(
    () => load.report().created.length,
    (count) => count > 50,
    MOVES,
  );
  await strangler(stack, 'rollback catalog');
  expect(await writtenBy()).toBe('monolith');
  const { failures, slowestWriteMs } = load.report();
  expect(failures).toEqual([]);
  // Far from the goal of half a second, which a busy machine cannot be held to; far from the bound of ten, too.
  expect(slowestWriteMs).toBeLessThan(6_000);
});

test('a flag that is turned in the flag UI moves them too, and turned off moves them back', async () => {
  await ui.toggle('catalog.write', true);
  await until(writtenBy, (by) => by === 'catalog', MOVES);
  await ui.toggle('catalog.write', false);
  await until(writtenBy, (by) => by === 'monolith', MOVES);
  await until(statusOf, ({ under_way }) => under_way === null, MOVES);
  expect((await statusOf()).last).toMatchObject({ state: 'done', said: expect.stringContaining('Rollback done') });
});

test('every write that was acknowledged is in both databases, once and under its own id', async () => {
  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(report.backwardReads).toBe(0);
  expect(report.created.length).toBeGreaterThan(50);
  const findings = await lookUp(stack.databases, report, PREFIX);
  expect(findings).toEqual({ lost: [], doubled: [], collisions: [] });
});

test('a flag that cannot be followed is put back, and says why where it was turned', async () => {
  const page = await browser.newPage({ locale: 'en-US' });
  const person = await signIn(page, stack.urls.flags, stack.flagsUser, stack.flagsPassword);
  // A proxy that was there and does not answer any more.
  const file = JSON.parse(await readFile(`${stack.state}/stack.json`, 'utf8'));
  const credentials = JSON.parse(await readFile(`${stack.state}/credentials.json`, 'utf8'));
  const report = { pid: 1, capabilities: [], figures: {} };
  await fetch(`${file.urls.control}/v1/proxies/gone`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credentials.control.proxyToken}` },
    body: JSON.stringify(report),
  });
  const headers = { authorization: `Bearer ${file.control_token}` };
  const isSilent = async () => {
    const answer = await (await fetch(`${file.urls.control}/v1/status`, { headers })).json();
    const { proxies } = answer as { proxies: { name: string; answers: boolean }[] };
    return proxies.some(({ name, answers }) => name === 'gone' && !answers);
  };
  await until(isSilent, Boolean, MOVES);
  await person.toggle('catalog.write', true);
  await until(statusOf, ({ last }) => last?.state === 'refused', MOVES);
  await page.goto(`${stack.urls.flags}/projects/default/features/catalog.write`);
  await page
    .getByText(/Cut-over refused\. proxies: these proxies do not answer: gone/)
    .first()
    .waitFor();
  expect(await page.getByRole('switch', { name: 'development' }).isChecked()).toBe(false);
  await strangler(stack, 'forget gone');
});
