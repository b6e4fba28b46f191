import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  CAPABILITY,
  createWorld,
  type RunningControl,
  startProxyOf,
  untilTrue,
  type World,
} from './testing/control.ts';

let world: World;
let control: RunningControl;
let proxy: ReturnType<typeof startProxyOf>;

/** Processes start and end here, on machines that do other things too. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  world = await createWorld();
  control = await world.start();
  proxy = startProxyOf(world, () => control.url);
  await untilTrue(async () => (await status()).proxies?.[0]?.answers === true);
});

afterAll(async () => {
  await proxy?.stop();
  await world?.drop();
});

interface Status {
  readonly capabilities: readonly { owner: string; epoch: number; last: { state: string; said: string } | null }[];
  readonly proxies: readonly { answers: boolean }[];
}

async function status(): Promise<Status> {
  const { body } = await control.call('GET', '/v1/status');
  return body;
}

const WHO = { who: 'a test', why: 'to see it' };

async function ask(kind: 'cutover' | 'rollback', forced: readonly string[] = ['verification']): Promise<string> {
  const { body } = await control.call('POST', '/v1/requests', { capability: CAPABILITY, kind, ...WHO, forced });
  return (body as { id: string }).id;
}

interface Request {
  readonly state: string;
  readonly said: string;
  readonly ended_at: string | null;
  readonly checks: readonly { check: string; stands: boolean; found: string; mend: string }[];
}

async function ended(id: string): Promise<Request> {
  let found: Request | undefined;
  await untilTrue(async () => {
    found = (await control.call('GET', `/v1/requests/${id}`)).body as Request;
    return typeof found.ended_at === 'string';
  });
  return found as Request;
}

/** The owner as everybody has to see it: both guard rows, the status, and the proxy, that lets go. */
async function settledAs(rows: string, owner: string, epoch: number): Promise<void> {
  expect(await world.rows()).toBe(rows);
  await untilTrue(() => proxy.order().epoch === epoch && proxy.order().hold === null);
  expect(proxy.order().owner).toBe(owner);
}

test('a cut-over without a verification is refused with the reason and what mends it, and nothing has moved', async () => {
  const { state, checks, said } = await ended(await ask('cutover', []));
  expect(state).toBe('refused');
  const standing = checks.filter(({ stands }) => stands);
  expect(standing.map(({ check }) => check)).toEqual(['verification']);
  expect(said).toMatch(/^Cut-over refused\. verification: this control plane knows no cdc to ask .* -> npx cdc verify/);
  expect(await world.rows()).toBe('monolith open 1, service closed 1');
});

test('the writes go to the service and come back, each time with the next epoch, and every step is in the log', async () => {
  expect((await ended(await ask('cutover'))).state).toBe('done');
  await settledAs('monolith closed 2, service open 2', 'service', 2);
  expect((await ended(await ask('rollback', []))).state).toBe('done');
  await settledAs('monolith open 3, service closed 3', 'monolith', 3);
  const { body } = await control.call('GET', `/v1/log?capability=${CAPABILITY}&limit=4`);
  const { entries, proof } = body as { entries: { event: string; who: string }[]; proof: { intact: boolean } };
  expect(entries.map(({ event, who }) => `${event} by ${who}`)).toEqual([
    'cutover by a test',
    'done by strangler control',
    'rollback by a test',
    'done by strangler control',
  ]);
  expect(proof.intact).toBe(true);
});

test('a stream that stands still costs writers its bound and no more: the attempt is undone, and the old owner goes on', async () => {
  world.carryFences(false);
  const { state, said } = await ended(await ask('cutover'));
  world.carryFences(true);
  expect(`${state}: ${said}`).toMatch(/undone: Cut-over undone at the step "drain": the forward stream of things/);
  await settledAs('monolith open 4, service closed 3', 'monolith', 4);
});

test('a proxy that does not hold its writes delays and then undoes a cut-over, and endangers nothing', async () => {
  proxy.deafen(true);
  const { state, said } = await ended(await ask('cutover'));
  proxy.deafen(false);
  expect(`${state}: ${said}`).toMatch(/undone at the step "hold": not every proxy holds the writes of things/);
  await settledAs('monolith open 4, service closed 3', 'monolith', 4);
});

/** Where it is killed -> how the next instance finds it and leaves it. Epochs rise with each fence. */
test.each([
  ['after-hold', 'undone'],
  ['after-fence', 'undone'],
  ['before-flip', 'undone'],
  ['after-flip', 'done'],
  ['after-open', 'done'],
] as const)('killed %s, the next instance finds the rows and leaves them %s', async (place, outcome) => {
  await control.kill();
  control = await world.start({ STRANGLER_CONTROL_FAILPOINT: place });
  await untilTrue(async () => (await status()).proxies?.[0]?.answers === true);
  const owner = proxy.order().owner;
  const { epoch } = proxy.order();
  const kind = owner === 'monolith' ? 'cutover' : 'rollback';
  const id = await ask(kind);
  await control.ended;

  control = await world.start();
  const { state } = await ended(id);
  expect(state).toBe(outcome);
  const other = owner === 'monolith' ? 'service' : 'monolith';
  const now = outcome === 'done' ? other : owner;
  await untilTrue(() => proxy.order().hold === null && proxy.order().owner === now);
  const rows = await world.rows();
  expect(rows.match(/open/g)).toHaveLength(1);
  expect(rows).toContain(`${now} open ${proxy.order().epoch}`);
  expect(proxy.order().epoch).toBe(epoch + (place === 'after-hold' ? 0 : 1));
});

test('a second instance stands by, and takes over when the first one is killed', async () => {
  const second = await world.start();
  expect((await second.call('GET', '/readyz')).body).toMatchObject({ role: 'stands by' });
  expect((await second.call('GET', '/v1/status')).status).toBe(503);
  await control.kill();
  control = second;
  await untilTrue(async () => (await control.call('GET', '/v1/status')).status === 200);
  expect((await control.call('GET', '/readyz')).body).toMatchObject({ role: 'leads' });
});

test('only who has the token is answered, and a proxy may not move anything', async () => {
  for (const token of ['', world.proxyToken]) {
    const headers = { authorization: `Bearer ${token}` };
    for (const path of ['/v1/status', '/v1/log'])
      expect((await fetch(control.url + path, { headers })).status).toBe(401);
    const body = JSON.stringify({ capability: CAPABILITY, kind: 'cutover', ...WHO });
    expect((await fetch(`${control.url}/v1/requests`, { method: 'POST', headers, body })).status).toBe(401);
  }
});
