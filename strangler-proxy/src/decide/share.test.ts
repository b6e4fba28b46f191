import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { startUnleash, type TestUnleash } from '@strangler/stack/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileRoutes, declaredRoutes } from '../match/route-table.ts';
import { catalog, until } from '../test-support/servers.ts';
import { unleashAdmin } from '../test-support/unleash-admin.ts';
import { type Choose, choosable, createChooser } from './choose.ts';
import { NO_FLAGS } from './flags.ts';
import { MONOLITH_OWNS_ALL } from './ownership.ts';
import { type SaidFlags, stillFlags } from './still-flags.ts';
import { VISITOR_COOKIE } from './visitor.ts';

/** Enough for the share to be measured to a fraction of the half percent that it may be off. */
const VISITORS = 100_000;
const SHARE = 5;
const GROWN = 20;
const DAYS = 3;

let unleash: TestUnleash;
/** What Unleash says to its clients, with the share small and grown. */
let small: SaidFlags;
let grown: SaidFlags;

beforeAll(async () => {
  unleash = await startUnleash();
  for (const route of ['item', 'list']) await createFlag(`catalog.${route}.serve`, SHARE);
  small = await said(SHARE);
  for (const route of ['item', 'list']) await addShare(`catalog.${route}.serve`, GROWN);
  grown = await said(GROWN);
});

afterAll(() => unleash.stop());

const admin = (method: string, path: string, body?: object) => unleashAdmin(unleash, method, path, body);

async function createFlag(name: string, rollout: number): Promise<void> {
  await admin('POST', '', { name, type: 'release' });
  await addShare(name, rollout);
  await admin('POST', `/${name}/environments/development/on`);
}

/** Adds a strategy or, where there is one, changes its rollout, as the admin UI does. */
async function addShare(name: string, rollout: number): Promise<void> {
  const path = `/${name}/environments/development/strategies`;
  const [strategy] = (await admin('GET', path)) as { id: string }[];
  const body = {
    name: 'flexibleRollout',
    parameters: { rollout: String(rollout), stickiness: 'default', groupId: 'catalog' },
  };
  await admin(strategy === undefined ? 'POST' : 'PUT', strategy === undefined ? path : `${path}/${strategy.id}`, body);
}

/** What the server tells clients, once it has taken in the last change, for which it takes about a second. */
async function said(rollout: number): Promise<SaidFlags> {
  let told: SaidFlags = { features: [] };
  await until(async () => {
    const answer = await fetch(`${unleash.url}/api/client/features`, {
      headers: { Authorization: unleash.clientToken },
    });
    told = (await answer.json()) as SaidFlags;
    const isIn = told.features.filter(
      ({ enabled, strategies = [] }) => enabled && strategies[0]?.parameters.rollout === String(rollout),
    );
    return isIn.length === 2;
  });
  return told;
}

/** One instance of the proxy, as far as it decides. */
function instance(flags: SaidFlags): (target: string, cookie?: string) => { side: string; cookie: string | undefined } {
  const still = { ...NO_FLAGS, ...stillFlags(flags) };
  const routes = declaredRoutes([catalog]).map((route) => choosable(route, still));
  const table = compileRoutes(routes);
  const choose: Choose = createChooser([], still, MONOLITH_OWNS_ALL, undefined);
  const peer = { address: '127.0.0.1', trusted: false, encrypted: false };
  const socket = new Socket();
  return (target, cookie) => {
    const headers = cookie === undefined ? {} : { cookie };
    const request = { method: 'GET', url: target, headers, rawHeaders: [], socket } as unknown as IncomingMessage;
    const { decision, setCookie } = choose(table.match('GET', target), request, peer);
    return { side: decision.side, cookie: setCookie?.split(';')[0] };
  };
}

const cookies = Array.from({ length: VISITORS }, (_, number) => {
  return `${VISITOR_COOKIE}=${createHash('sha256').update(`visitor ${number}`).digest('base64url').slice(0, 22)}`;
});

describe('a share of 5 %', () => {
  test('is one of visitors and stays one, however often they come back, at whichever instance and route', () => {
    const instances = [instance(small), instance(small), instance(small)];
    const sideOf = new Map<number, string>();
    for (let day = 0; day < DAYS; day++) {
      for (let visitor = 0; visitor < VISITORS; visitor++) {
        const ask = instances[(visitor + day) % instances.length]!;
        const { side, cookie } = ask((visitor + day) % 2 === 0 ? '/items' : '/items/7', cookies[visitor]);
        if (cookie !== undefined) expect.fail('a visitor who has a cookie was given another');
        if (day === 0) sideOf.set(visitor, side);
        else if (sideOf.get(visitor) !== side) expect.fail(`visitor ${visitor} was moved on day ${day}`);
      }
    }
    const inside = [...sideOf.values()].filter((side) => side === 'service').length;
    expect(inside / VISITORS).toBeGreaterThan(0.045);
    expect(inside / VISITORS).toBeLessThan(0.055);
  }, 60_000);

  test('holds for visitors who come for the first time too: the key is fixed before the flag is asked', () => {
    const ask = instance(small);
    let inside = 0;
    const first = 20_000;
    for (let visitor = 0; visitor < first; visitor++) {
      const { side, cookie } = ask('/items');
      if (side === 'service') inside++;
      if (ask('/items/7', cookie).side !== side) expect.fail('the second request went to the other side');
    }
    // The ids are random: at five standard deviations, one run in two million is off by chance.
    expect(Math.abs(inside / first - 0.05)).toBeLessThan(0.0078);
  });

  test('keeps whoever is in it when it grows', () => {
    const [before, after] = [instance(small), instance(grown)];
    let [inside, more] = [0, 0];
    for (let visitor = 0; visitor < VISITORS; visitor++) {
      const isIn = after('/items', cookies[visitor]).side === 'service';
      if (isIn) more++;
      if (before('/items', cookies[visitor]).side !== 'service') continue;
      inside++;
      if (!isIn) expect.fail(`visitor ${visitor} was in the share of ${SHARE} % and is not in that of ${GROWN} %`);
    }
    expect(inside / VISITORS).toBeCloseTo(0.05, 2);
    expect(more / VISITORS).toBeCloseTo(0.2, 2);
  }, 60_000);

  test('does not move a visitor who logs in, or out, or has other cookies', () => {
    const ask = instance(small);
    for (const [visitor, cookie] of cookies.slice(0, 5_000).entries()) {
      const sides = [cookie, `session=abc; ${cookie}`, `${cookie}; session=xyz; user=42`].map(
        (one) => ask('/items', one).side,
      );
      if (new Set(sides).size !== 1) expect.fail(`visitor ${visitor} was moved by another cookie`);
    }
  });
});
