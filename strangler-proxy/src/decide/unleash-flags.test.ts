import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { freePort, startUnleash, type TestUnleash } from '@strangler/stack/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SILENT } from '../logger.ts';
import { until } from '../test-support/servers.ts';
import { unleashAdmin } from '../test-support/unleash-admin.ts';
import type { Flags } from './flags.ts';
import { unleashFlags } from './unleash-flags.ts';

let unleash: TestUnleash;

beforeAll(async () => {
  unleash = await startUnleash();
});

afterAll(() => unleash.stop());

const admin = (method: string, path: string, body?: object) => unleashAdmin(unleash, method, path, body);

async function createFlag(name: string, rollout: string, stickiness = 'default'): Promise<void> {
  await admin('POST', '', { name, type: 'release' });
  const parameters = { rollout, stickiness, groupId: 'catalog' };
  await admin('POST', `/${name}/environments/development/strategies`, { name: 'flexibleRollout', parameters });
  await turn(name, 'on');
}

function turn(name: string, to: 'on' | 'off'): Promise<unknown> {
  return admin('POST', `/${name}/environments/development/${to}`);
}

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-flags-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function open(options: { stateFolder?: string; url?: string; token?: string } = {}): Promise<Flags> {
  const flags = await unleashFlags({
    url: options.url ?? `${unleash.url}/api`,
    token: options.token ?? unleash.clientToken,
    stateFolder: options.stateFolder ?? (await stateFolder()),
    pollIntervalMs: 100,
    logger: SILENT,
  });
  onTestFinished(() => flags.close());
  return flags;
}

test('a flip in the flag server is noticed, and listeners are told', async () => {
  await createFlag('catalog.flip.serve', '100');
  const flags = await open();
  await until(() => flags.outcome('catalog.flip.serve') === 'always');
  expect(flags.status()).toEqual({ state: 'fresh', error: undefined });
  let told = 0;
  flags.onChange(() => told++);
  await turn('catalog.flip.serve', 'off');
  await until(() => flags.outcome('catalog.flip.serve') === 'never');
  expect(told).toBeGreaterThan(0);
  expect(flags.outcome('catalog.nobody-made-it.serve')).toBe('never');
});

test('the flag server is asked more than once in a second, as a flip waits there for a second already', async () => {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/client/features')) asked.push(performance.now());
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end('{"version":2,"features":[]}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const flags = await unleashFlags({
    url: `http://127.0.0.1:${port}/api`,
    token: unleash.clientToken,
    stateFolder: await stateFolder(),
    logger: SILENT,
  });
  onTestFinished(() => flags.close());
  // A slow machine lengthens gaps and never shortens the shortest.
  await until(() => asked.some((at, next) => next > 0 && at - asked[next - 1]! < 900), 20_000);
});

test('20 % of 20,000 visitors are in a share of 20 %, the same ones on every instance and for every flag of a capability', async () => {
  await createFlag('catalog.one.serve', '20');
  await createFlag('catalog.other.serve', '20', 'sessionId');
  await createFlag('catalog.rolled.serve', '20', 'random');
  const instances = [await open(), await open()] as const;
  for (const flags of instances) await until(() => flags.outcome('catalog.rolled.serve') === 'ask');
  let inside = 0;
  for (let visitor = 0; visitor < 20_000; visitor++) {
    const key = createHash('sha256').update(String(visitor)).digest('base64url').slice(0, 22);
    const sides = instances.flatMap((flags) =>
      ['one', 'other', 'rolled'].map((route) => flags.isEnabled(`catalog.${route}.serve`, key)),
    );
    if (new Set(sides).size !== 1) expect.fail(`visitor ${key} is on both sides`);
    if (sides[0]) inside++;
  }
  expect(inside / 20_000).toBeGreaterThan(0.19);
  expect(inside / 20_000).toBeLessThan(0.21);
});

test('whoever is in a share stays in it when it grows', async () => {
  await createFlag('catalog.small.serve', '10');
  await createFlag('catalog.grown.serve', '30');
  const flags = await open();
  await until(() => flags.outcome('catalog.grown.serve') === 'ask');
  for (let visitor = 0; visitor < 2_000; visitor++) {
    if (!flags.isEnabled('catalog.small.serve', `v${visitor}`)) continue;
    expect(flags.isEnabled('catalog.grown.serve', `v${visitor}`)).toBe(true);
  }
});

// Unleash starts anew in it, and that takes as long as it takes.
test('when the flag server is lost, what it said last holds, after a restart without it too', {
  timeout: 120_000,
}, async () => {
  await createFlag('catalog.kept.serve', '100');
  const folder = await stateFolder();
  const flags = await open({ stateFolder: folder });
  await until(() => flags.outcome('catalog.kept.serve') === 'always');
  await unleash.kill();
  await until(() => flags.status().state === 'kept');
  expect(flags.outcome('catalog.kept.serve')).toBe('always');

  const restarted = await open({ stateFolder: folder });
  expect(restarted.outcome('catalog.kept.serve')).toBe('always');
  expect(restarted.status().state).toBe('kept');

  await unleash.restart();
  await until(() => flags.status().state === 'fresh');
  await turn('catalog.kept.serve', 'off');
  await until(() => flags.outcome('catalog.kept.serve') === 'never', 20_000);
});

test('a start without a flag server, ever, is a start with every flag off', async () => {
  const flags = await open({ url: `http://127.0.0.1:${await freePort()}/api` });
  expect(flags.outcome('catalog.kept.serve')).toBe('never');
  expect(flags.isEnabled('catalog.kept.serve', 'v1')).toBe(false);
  await until(() => flags.status().error?.includes('ECONNREFUSED') === true);
  expect(flags.status().state).toBe('none');
});

const good = {
  version: 2,
  features: [
    { name: 'a.b.serve', enabled: true, strategies: [] },
    {
      name: 'a.share.serve',
      enabled: true,
      strategies: [{ name: 'flexibleRollout', parameters: { rollout: '50', stickiness: 'default', groupId: 'a' } }],
    },
  ],
};

const truncated = gzipSync(JSON.stringify(good)).subarray(0, 40);

/** What a flag server that lies says; `serve` is what the lie would make of a flag that is on. */
const LIES: readonly (readonly [name: string, status: number, body: string | Buffer, encoding?: string])[] = [
  ['not JSON', 200, '<html>'],
  ['nonsense', 200, '{"features":7}'],
  ['null', 200, 'null'],
  ['no flags at all', 200, '{"version":2,"features":[]}'],
  ['a flag that is null', 200, '{"version":2,"features":[null]}'],
  ['flags without names', 200, '{"version":2,"features":[{"enabled":true,"strategies":[]}]}'],
  [
    'strategies that are none',
    200,
    '{"version":2,"features":[{"name":"a.b.serve","enabled":true,"strategies":[null,7]}]}',
  ],
  [
    'a flag that is on in words',
    200,
    '{"version":2,"features":[{"name":"a.b.serve","enabled":"yes","strategies":"all"}]}',
  ],
  ['half a compressed answer', 200, truncated, 'gzip'],
  ['text that is said to be compressed', 200, JSON.stringify(good), 'gzip'],
  ['an error', 500, '{}'],
  ['a refused token', 401, '{}'],
];

async function startLiar(isLying: boolean, [, status, body, encoding]: (typeof LIES)[number]) {
  const liar = { lies: isLying, url: '' };
  const server = createServer((_request, response) => {
    const headers = {
      'Content-Type': 'application/json',
      ...(encoding && liar.lies ? { 'Content-Encoding': encoding } : {}),
    };
    response.writeHead(liar.lies ? status : 200, headers);
    response.end(liar.lies ? body : JSON.stringify(good));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  liar.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/api`;
  return liar;
}

test.for(LIES)('a flag server that answers with %s changes nothing', async (lie) => {
  const liar = await startLiar(false, lie);
  const folder = await stateFolder();
  const flags = await open({ url: liar.url, stateFolder: folder });
  expect(flags.outcome('a.b.serve')).toBe('always');
  const inside = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].filter((key) => flags.isEnabled('a.share.serve', key));
  liar.lies = true;
  await until(() => flags.status().state === 'kept');
  expect(flags.outcome('a.b.serve')).toBe('always');
  expect(flags.outcome('a.share.serve')).toBe('ask');
  expect(['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].filter((key) => flags.isEnabled('a.share.serve', key))).toEqual(inside);
  expect(JSON.parse(await readFile(join(folder, 'flags.json'), 'utf8')).features).toEqual(good.features);

  const restarted = await open({ url: liar.url, stateFolder: folder });
  expect(restarted.outcome('a.b.serve')).toBe('always');
  liar.lies = false;
  await until(() => flags.status().state === 'fresh', 30_000);
  expect(flags.outcome('a.b.serve')).toBe('always');
});

test.for(LIES)('a start beside a flag server that answers with %s is a start with every flag off', async (lie) => {
  const { url } = await startLiar(true, lie);
  const flags = await open({ url });
  expect(['never', 'always', 'ask'].filter((outcome) => flags.outcome('a.b.serve') === outcome)).toEqual(['never']);
  expect(flags.isEnabled('a.share.serve', 'v1')).toBe(false);
});
