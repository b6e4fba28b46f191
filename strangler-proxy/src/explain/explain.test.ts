import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@strangler/stack/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Outcome } from '../decide/decide.ts';
import { MONOLITH_OWNS_ALL } from '../decide/ownership.ts';
import { catalog, startProxy, startUpstream, testFlags } from '../test-support/servers.ts';
import { EXPLAIN_HELP, explainCommand } from './command.ts';
import { explain } from './explain.ts';

const knowledge = (flags = testFlags()) => ({ migrations: [catalog], flags, ownership: MONOLITH_OWNS_ALL });

test('what is explained is what the proxy does, for every route, flag and visitor', async () => {
  const named = (name: string) => startUpstream((_request, response) => response.end(name));
  const upstreams = { monolith: (await named('monolith')).url, catalog: (await named('catalog')).url };
  const flags = testFlags();
  const proxy = await startProxy({ migrations: [catalog], upstreams, flags });
  const outcome = fc.constantFrom<(Outcome | ((key: string) => boolean))[]>('never', 'always', (key) => key < 'M');
  await fc.assert(
    fc.asyncProperty(
      fc.record({ serve: outcome, list: outcome, kill: fc.constantFrom<Outcome>('never', 'always', 'ask') }),
      fc.constantFrom('GET /items/7', 'HEAD /items/7', 'GET /items', 'POST /items', 'GET /items/', 'GET /other'),
      fc.constantFrom('AAAAAAAAAAAAAAAAAAAAAA', 'zzzzzzzzzzzzzzzzzzzzzz'),
      async ({ serve, list, kill }, asked, user) => {
        flags.set('catalog.item.serve', serve);
        flags.set('catalog.list.serve', list);
        flags.set('strangler.kill-switch', kill);
        const [method = '', target = ''] = asked.split(' ');
        const { upstream, why } = explain({ method, target, user }, knowledge(flags));
        const headers = { Cookie: `strangler_visitor=${user}` };
        const answer = await fetch(proxy.url + target, { method, headers });
        await answer.arrayBuffer();
        expect(answer.headers.get('x-served-by')).toBe(upstream);
        expect(proxy.log.at(-1)?.why).toBe(why);
      },
    ),
    { numRuns: 100 },
  );
});

test('the rules are told in the order in which they are asked, up to the one that decides', () => {
  const told = (method: string, target: string, flags = testFlags()) =>
    explain({ method, target, user: undefined }, knowledge(flags)).rules.map(
      ({ rule, decides }) => rule + (decides ? '!' : ''),
    );
  expect(told('GET', '/elsewhere')).toEqual(['declared!']);
  expect(told('POST', '/items')).toEqual(['declared', 'write!']);
  expect(told('GET', '/items', testFlags({ 'strangler.kill-switch': 'always' }))).toEqual([
    'declared',
    'write',
    'pin',
    'kill-switch!',
  ]);
  expect(told('GET', '/items')).toEqual(['declared', 'write', 'pin', 'kill-switch', 'serve!']);
});

test('where a share decides and nobody is named, nothing is made up', () => {
  const flags = testFlags({ 'catalog.item.serve': () => true });
  expect(explain({ method: 'GET', target: '/items/7', user: undefined }, knowledge(flags))).toMatchObject({
    upstream: null,
    why: null,
    fallback: null,
  });
});

let folder: string;
let printed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-explain-'));
  await mkdir(join(folder, 'migrations', 'catalog'), { recursive: true });
  await writeFile(
    join(folder, 'migrations', 'catalog', 'migration.js'),
    `export default { capability: 'catalog', service: 'catalog', tables: [], follows: [],
      routes: [{ id: 'item', kind: 'read', method: 'GET', path: '/items/:id', compare: [] }] };`,
  );
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const features = [
  {
    name: 'catalog.item.serve',
    enabled: true,
    strategies: [
      { name: 'flexibleRollout', parameters: { rollout: '100', stickiness: 'default', groupId: 'catalog' } },
    ],
  },
];

async function startFlagServer(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.end(JSON.stringify({ version: 2, features }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/api`, asked };
}

test('it finds the system that "npm start" runs, asks its flag server once, and sends nothing else', async () => {
  const { url, asked } = await startFlagServer();
  const stack = {
    urls: { proxy_admin: 'http://127.0.0.1:1', catalog: 'http://127.0.0.1:2' },
    migrations: join(folder, 'migrations'),
    unleash_url: url,
    unleash_client_token: 'secret-token',
  };
  await writeFile(join(folder, 'stack.json'), JSON.stringify(stack));
  expect(await explainCommand(['GET', '/items/7'], { STRANGLER_STATE: folder })).toBe(0);
  expect(asked).toEqual(['GET /api/client/features secret-token']);
  expect(printed).toContain('It goes to catalog (http://127.0.0.1:2): live.\n');
  expect(printed).toContain('If that fails before a byte of its answer was sent, monolith answers.\n');
  expect(printed).not.toContain('secret-token');
});

test('without the flag server it goes by what the proxy keeps, and says so', async () => {
  const file = join(folder, 'flags', 'flags.json');
  await mkdir(join(folder, 'flags'));
  await writeFile(file, JSON.stringify({ version: 2, features }));
  await utimes(file, 0, 0);
  const args = [
    '--migrations',
    join(folder, 'migrations'),
    '--state',
    folder,
    '--unleash-url',
    `http://127.0.0.1:${await freePort()}/api`,
  ];
  expect(await explainCommand(['GET', '/items/7', '--json', ...args], {})).toBe(0);
  expect(JSON.parse(printed)).toMatchObject({
    ...{ method: 'GET', target: '/items/7', user: null, route: 'catalog.item', kind: 'read', owner: 'monolith' },
    ...{ upstream: 'catalog', why: 'live', fallback: 'monolith', flags_from: 'disk' },
    flags_note: expect.stringMatching(/ECONNREFUSED.*kept at 1970-01-01T00:00:00.000Z/),
  });
});

test('where nothing was ever kept, every flag is off, as it is for the proxy', async () => {
  const args = ['--migrations', join(folder, 'migrations'), '--state', folder];
  expect(await explainCommand(['GET', '/items/7', ...args], {})).toBe(0);
  expect(printed).toMatch(/It goes to monolith: off\.[\s\S]*every flag is off\./);
});

test.for([
  [['GET'], 'say a method and a target'],
  [['get', '/items/7'], 'say a method and a target'],
  [['GET', '/items/7', 'twice'], 'say a method and a target'],
  [['GET', '/items/7', '--nope'], "Unknown option '--nope'"],
  [['GET', '/items/7'], 'start the system \\("npm start"\\), or give --migrations'],
] as const)('%s is told to be wrong', async ([args, fault]) => {
  await expect(explainCommand(args, { STRANGLER_STATE: folder })).rejects.toThrow(new RegExp(fault));
});

test('help has no line that a terminal would wrap', () => {
  for (const line of EXPLAIN_HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});
