import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { catalog, startProxy, startUpstream, until } from '../test-support/servers.ts';
import { createHold, type HoldLimits } from './hold.ts';
import { orderedOwnership } from './ownership.ts';

/** A proxy between two sides that tell their name, with a hold to be started and ended by hand. */
async function changingHands(limits: HoldLimits = {}) {
  const seen: string[] = [];
  const answers = { monolith: Promise.resolve(), catalog: Promise.resolve() };
  const side = (name: 'monolith' | 'catalog') =>
    startUpstream(async (request, response) => {
      seen.push(`${request.method} at ${name}`);
      let size = 0;
      for await (const chunk of request) size += chunk.length;
      await answers[name];
      response.end(`${name} ${size}`);
    });
  const [monolith, service] = [await side('monolith'), await side('catalog')];
  const hold = createHold(limits);
  const ownership = orderedOwnership(['catalog']);
  const upstreams = { monolith: monolith.url, catalog: service.url };
  const proxy = await startProxy({ migrations: [catalog], upstreams, hold, ownership });
  const write = (body = 'x') => fetch(`${proxy.url}/items`, { method: 'POST', body });
  return { proxy, hold, ownership, seen, answers, write, counts: () => hold.counts('catalog') };
}

test('writes wait while their capability changes hands, and then go to the new owner; reads do not wait', async () => {
  const { proxy, hold, ownership, seen, write, counts } = await changingHands();
  hold.start('catalog');
  const writes = [write('one'), write('two')];
  await until(() => counts().waiting === 2);
  expect(await (await fetch(`${proxy.url}/items/1`)).text()).toBe('monolith 0');
  expect(await (await fetch(`${proxy.url}/elsewhere`, { method: 'POST', body: 'x' })).text()).toBe('monolith 1');
  expect(seen).toEqual(['GET at monolith', 'POST at monolith']);

  ownership.take({ capability: 'catalog', owner: 'service', epoch: 2, version: 1, hold: null });
  hold.release('catalog');
  for (const one of writes) expect(await (await one).text()).toBe('catalog 3');
  expect(counts()).toMatchObject({ waiting: 0, inFlight: 0, ended: { released: 2 } });
});

test('a write that is with the old owner when the hold begins ends there, and is counted until it has', async () => {
  const { hold, answers, write, counts } = await changingHands();
  const answer = Promise.withResolvers<void>();
  answers.monolith = answer.promise;
  let told = 0;
  hold.onIdle(() => told++);
  const under = write();
  await until(() => counts().inFlight === 1);
  hold.start('catalog');
  expect(counts()).toMatchObject({ inFlight: 1, waiting: 0 });
  expect(told).toBe(0);
  answer.resolve();
  expect(await (await under).text()).toBe('monolith 1');
  expect(counts().inFlight).toBe(0);
  expect(told).toBe(1);
});

test('a write whose client has left while it waited is sent to nobody', async () => {
  const { proxy, hold, seen, counts } = await changingHands();
  hold.start('catalog');
  const client = connect(proxy.port, '127.0.0.1');
  client.write('POST /items HTTP/1.1\r\nHost: shop\r\nContent-Length: 1\r\n\r\nx');
  await until(() => counts().waiting === 1);
  client.destroy();
  await until(() => counts().waiting === 0);
  hold.release('catalog');
  expect(counts().ended).toMatchObject({ left: 1, released: 0 });
  expect(seen).toEqual([]);
  await until(() => proxy.log.length === 1);
  expect(proxy.log[0]).toMatchObject({ status: 499, failure: 'client-gone' });
});

test('at its bound a write that waits is refused with Retry-After, and never let go to an owner that nobody knows', async () => {
  const { hold, seen, write, counts } = await changingHands({ waitMsMax: 30 });
  hold.start('catalog');
  const answer = await write();
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(await answer.json()).toMatchObject({ code: 'writes-held' });
  expect(seen).toEqual([]);
  expect(counts()).toMatchObject({ isHeld: true, ended: { 'writes-held': 1 } });
});

test('a flood of writes fills neither the list of those that wait nor the memory', async () => {
  const few = await changingHands({ requestsMax: 1 });
  few.hold.start('catalog');
  const first = few.write();
  await until(() => few.counts().waiting === 1);
  expect(await (await few.write()).json()).toMatchObject({ status: 503, code: 'writes-held-full' });
  few.hold.release('catalog');
  expect((await first).status).toBe(200);

  const small = await changingHands({ bytesMax: 10_000 });
  small.hold.start('catalog');
  expect((await small.write('x'.repeat(20_000))).status).toBe(503);
  expect(small.counts().ended['writes-held-full']).toBe(1);
});

test('a body is not read while its request waits, and arrives whole', async () => {
  const { hold, write, counts } = await changingHands();
  hold.start('catalog');
  const large = write('x'.repeat(5_000_000));
  await until(() => counts().waiting === 1);
  hold.release('catalog');
  expect(await (await large).text()).toBe('monolith 5000000');
});
