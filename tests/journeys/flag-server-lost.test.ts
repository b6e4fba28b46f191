import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningStack, startStack } from '../support/running-stack.ts';
import { strangler } from '../support/strangler.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack?.stop());

async function servedBy(path: string): Promise<string | null> {
  const answer = await fetch(stack.urls.shop + path);
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
  return answer.headers.get('x-served-by');
}

/** What shoppers do, one after the other; nothing of it may fail or change sides. */
async function shop(): Promise<void> {
  expect(await servedBy('/')).toBe('monolith');
  expect(await servedBy('/api/products/7')).toBe('catalog');
  expect(await servedBy('/api/categories')).toBe('monolith');
}

test('without the flag server, frozen or dead, and with a proxy that starts meanwhile, every shopper is served as before', async () => {
  await strangler(stack, 'stage catalog.product live');
  await until(
    () => servedBy('/api/products/7'),
    (side) => side === 'catalog',
    { withinMs: 5_000 },
  );

  const unleash = await stack.pid('unleash');
  if (unleash === undefined) throw new Error('Unleash does not run');
  process.kill(unleash, 'SIGSTOP');
  try {
    for (let round = 0; round < 20; round += 1) await shop();

    // A proxy that begins its life while the flag server does not answer goes on with what was true before.
    await stack.kill('proxy');
    await until(
      () =>
        fetch(stack.urls.shop).then(
          ({ status }) => status,
          () => undefined,
        ),
      (status) => status === 200,
      { withinMs: 30_000 },
    );
    for (let round = 0; round < 20; round += 1) await shop();
  } finally {
    process.kill(unleash, 'SIGKILL');
  }
  for (let round = 0; round < 20; round += 1) await shop();

  await until(
    () =>
      fetch(`${stack.urls.flags}/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
    Boolean,
    { withinMs: 60_000 },
  );
  await strangler(stack, 'stage catalog.product off');
  await until(
    () => servedBy('/api/products/7'),
    (side) => side === 'monolith',
    { withinMs: 10_000 },
  );
});
