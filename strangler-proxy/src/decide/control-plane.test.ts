import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SILENT } from '../logger.ts';
import { startUpstream, until } from '../test-support/servers.ts';
import { followControlPlane } from './control-plane.ts';
import { createHold } from './hold.ts';
import { keepOrders } from './kept-orders.ts';
import type { Order } from './ownership.ts';

interface Report {
  capabilities: (Order & { in_flight: number })[];
}

/** A control plane that says what the test wants it to, and hears what proxies report. */
async function startControlPlane(initial: Partial<Order> = {}) {
  let order: Order = { capability: 'catalog', owner: 'monolith', epoch: 1, version: 1, hold: null, ...initial };
  let version = 1;
  let status = 200;
  const waiting = new Set<() => void>();
  const reports: Report[] = [];
  const authorizations = new Set<string | undefined>();
  const server = await startUpstream(async (request, response) => {
    authorizations.add(request.headers.authorization);
    if (request.method === 'GET') {
      if (request.url?.endsWith(`after=${version}`)) await new Promise<void>((wake) => waiting.add(wake));
      response.statusCode = status;
      response.end(status === 200 ? JSON.stringify({ version, orders: [order] }) : '{}');
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    response.statusCode = status;
    if (request.method === 'POST' && status === 200) reports.push(JSON.parse(body));
    response.end('{}');
  });
  const wake = () => {
    for (const each of waiting) each();
    waiting.clear();
  };
  return {
    ...server,
    reports,
    authorizations,
    say(next: Partial<Order>) {
      version++;
      order = { ...order, version, ...next };
      wake();
    },
    answerWith(next: number) {
      status = next;
      wake();
    },
    lastReport: () => reports.at(-1)?.capabilities[0],
  };
}

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-ownership-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function follow(urls: readonly string[], folder: string) {
  const hold = createHold();
  const ownership = followControlPlane({
    ...{ urls, hold, name: 'proxy-1', token: 'secret', logger: SILENT },
    capabilities: ['catalog'],
    kept: keepOrders(folder),
  });
  onTestFinished(() => ownership.close());
  return { hold, ownership, owner: () => `${ownership.ownerOf('catalog')} ${ownership.epochOf('catalog')}` };
}

test('a hold is reported once a restart would keep it, and is complete when no write is with an upstream any more', async () => {
  const control = await startControlPlane();
  const folder = await stateFolder();
  const { hold, owner } = follow([control.url], folder);
  const over = hold.began('catalog');
  control.say({ hold: 'attempt-1' });
  await until(() => control.lastReport()?.hold === 'attempt-1');
  expect(control.lastReport()?.in_flight).toBe(1);
  expect(JSON.parse(await readFile(join(folder, 'ownership.json'), 'utf8')).orders[0].hold).toBe('attempt-1');
  over();
  await until(() => control.lastReport()?.in_flight === 0);

  control.say({ hold: null, owner: 'service', epoch: 2 });
  await until(() => control.lastReport()?.epoch === 2);
  expect(owner()).toBe('service 2');
  expect(hold.counts('catalog').isHeld).toBe(false);
  expect([...control.authorizations]).toEqual(['Bearer secret']);
});

test('a control plane that was replaced and does not know it cannot give the writes back to the old owner, nor end a hold', async () => {
  const control = await startControlPlane({ owner: 'service', epoch: 3, version: 10, hold: 'attempt-3' });
  const { hold, ownership, owner } = follow([control.url], await stateFolder());
  await until(() => owner() === 'service 3');
  control.say({ owner: 'monolith', epoch: 2, version: 11, hold: null });
  control.say({ owner: 'service', epoch: 3, version: 9, hold: null });
  const reports = control.reports.length;
  await until(() => control.reports.length > reports + 1);
  expect(owner()).toBe('service 3');
  expect(hold.counts('catalog').isHeld).toBe(true);
  expect(ownership.orders()[0]?.version).toBe(10);
});

test('while the control plane is lost what it said last holds, over a restart too: the owner, and a hold that nobody ended', async () => {
  const control = await startControlPlane({ owner: 'service', epoch: 2, version: 5 });
  const folder = await stateFolder();
  const before = follow([control.url], folder);
  control.say({ hold: 'attempt-2' });
  await until(() => control.lastReport()?.hold === 'attempt-2');
  control.answerWith(500);
  await until(() => before.ownership.status().state === 'kept');
  expect(before.owner()).toBe('service 2');
  expect(before.hold.counts('catalog').isHeld).toBe(true);
  await before.ownership.close();

  const after = follow([control.url], folder);
  expect(after.owner()).toBe('service 2');
  expect(after.hold.counts('catalog').isHeld).toBe(true);
  expect(after.ownership.status().state).toBe('kept');
  control.answerWith(200);
  control.say({ hold: null, epoch: 3 });
  await until(() => !after.hold.counts('catalog').isHeld);
});

test('a proxy that has never heard of an owner takes the monolith, at epoch 1', async () => {
  const { ownership, owner } = follow(['http://127.0.0.1:9'], await stateFolder());
  expect(owner()).toBe('monolith 1');
  await until(() => ownership.status().error !== 'it was not asked yet');
  expect(ownership.status().state).toBe('none');
});

test('the instance of the control plane that stands by sends the proxy on to the one that leads', async () => {
  const standby = await startControlPlane();
  standby.answerWith(503);
  const leader = await startControlPlane({ owner: 'service', epoch: 2, version: 5 });
  const { owner } = follow([standby.url, leader.url], await stateFolder());
  await until(() => owner() === 'service 2');
  await until(() => leader.reports.length > 0);
});

test('a damaged file of owners is no reason to guess: the proxy says which file it is and does not start', async () => {
  const folder = await stateFolder();
  await keepOrders(folder).keep([]);
  await writeFile(join(folder, 'ownership.json'), '{"orders":[{');
  expect(() => keepOrders(folder)).toThrow(/ownership\.json is damaged/);
});
