import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startUnleash, type TestUnleash } from '@strangler/stack/testing';
import { loadMigrations } from 'strangler-migrations/define';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runCommand } from './command/run.ts';
import { declaredFlags } from './declared-flags.ts';
import { type EnsuredFlag, ensureFlags } from './ensure-flags.ts';
import { openUnleash } from './unleash.ts';

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));

let server: TestUnleash;
let elsewhere: string;
let fixtures: string;
let tests = 0;
/** The capability of the test, and the folder of its declaration. */
let shop: string;
let folder: string;
let firstEver: readonly EnsuredFlag[];

beforeAll(async () => {
  server = await startUnleash();
  // In the project, so that the declarations find the package that they are written in.
  fixtures = await mkdtemp(fileURLToPath(new URL('./.fixtures-', import.meta.url)));
  firstEver = await ensureFlags({ migrations: [], unleash: { url: server.url, token: server.adminToken } });
  elsewhere = await mkdtemp(join(tmpdir(), 'strangler-command-'));
});
afterAll(async () => {
  await server?.stop();
  for (const each of [elsewhere, fixtures]) if (each) await rm(each, { recursive: true });
});

/**
 * Every test has a capability of its own, so that none of its flags are there yet. (Deleting flags instead ends Unleash
 * 8.2 now and then: its record of a flag's life cycle is written late, and fails once the flag is gone.)
 */
beforeEach(async () => {
  shop = `shop${String.fromCharCode('a'.charCodeAt(0) + tests++)}`;
  folder = join(fixtures, shop);
  await mkdir(join(folder, shop), { recursive: true });
  await writeFile(
    join(folder, shop, 'migration.ts'),
    `import { defineMigration, read, write } from 'strangler-migrations/define';
    export default defineMigration({
      capability: '${shop}',
      routes: { list: read('GET /list'), basket: read('GET /basket/:id'), add: write('POST /basket/:id') },
      tables: [],
    });`,
  );
});

async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = { authorization: server.adminToken, 'content-type': 'application/json' };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${server.url}/api/admin${path}`, { method, headers, ...content });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true);
  return text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined;
}

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with nothing in its environment but what is given. */
async function strangler(args: readonly string[], environment: NodeJS.ProcessEnv = access()): Promise<Outcome> {
  const [stdout, stderr]: string[][] = [[], []];
  const status = await runCommand(
    args,
    { STRANGLER_STATE: join(elsewhere, 'nothing'), ...environment },
    {
      print: (text) => void stdout?.push(`${text}\n`),
      talk: (text) => void stderr?.push(`${text}\n`),
      interactive: false,
      paint: (_style, text) => text,
    },
  );
  return { status, stdout: stdout?.join('') ?? '', stderr: stderr?.join('') ?? '' };
}

const access = () => ({
  UNLEASH_ADMIN_URL: server.url,
  UNLEASH_ADMIN_TOKEN: server.adminToken,
  STRANGLER_MIGRATIONS: folder,
});

async function json(...args: string[]) {
  const { stdout } = await strangler([...args, '--json']);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout);
}

const options = async () => ({
  migrations: await loadMigrations(folder),
  unleash: { url: `${server.url}/api`, token: server.adminToken },
});

test('declared flags are made off, with a gradual rollout for everybody, in the group of their capability', async () => {
  const ensured = await ensureFlags(await options());
  const names = ['list.serve', 'list.shadow', 'basket.serve', 'basket.shadow', 'write'].map(
    (name) => `${shop}.${name}`,
  );
  expect(firstEver).toEqual([{ flag: 'strangler.kill-switch', outcome: 'created' }]);
  expect(ensured).toEqual([
    { flag: 'strangler.kill-switch', outcome: 'kept' },
    ...names.map((flag) => ({ flag, outcome: 'created' })),
  ]);
  const feature = (await admin('GET', `/projects/default/features/${shop}.list.serve`)) as Record<string, never>;
  expect(feature).toMatchObject({
    type: 'release',
    description: expect.stringContaining(`the ${shop} service answers GET /list`),
    environments: [
      {
        name: 'development',
        enabled: false,
        strategies: [{ name: 'flexibleRollout', parameters: { rollout: '100', groupId: shop, stickiness: 'default' } }],
      },
      { name: 'production', enabled: false, strategies: [] },
    ],
  });
  const types = async (flag: string) =>
    ((await admin('GET', `/projects/default/features/${flag}`)) as { type: string }).type;
  expect(await Promise.all([`${shop}.list.shadow`, `${shop}.write`, 'strangler.kill-switch'].map(types))).toEqual([
    'experiment',
    'operational',
    'kill-switch',
  ]);
});

test('what a person has set is never overwritten', async () => {
  await ensureFlags(await options());
  const flag = `/projects/default/features/${shop}.list.serve`;
  await admin('POST', `${flag}/environments/development/on`);
  const before = (await admin('GET', flag)) as { environments: { strategies: { id: string }[] }[] };
  const strategy = before.environments[0]?.strategies[0]?.id;
  await admin('PATCH', `${flag}/environments/development/strategies/${strategy}`, [
    { op: 'replace', path: '/parameters/rollout', value: '20' },
  ]);
  await admin('PUT', flag, { name: `${shop}.list.serve`, type: 'experiment', description: 'mine' });
  await admin('DELETE', `/projects/default/features/${shop}.write`);
  const set = await admin('GET', flag);

  const again = await ensureFlags(await options());
  expect(await admin('GET', flag)).toEqual(set);
  const outcomes = Object.fromEntries(again.map(({ flag: name, outcome }) => [name, outcome]));
  expect(outcomes).toMatchObject({
    [`${shop}.list.serve`]: 'kept',
    [`${shop}.write`]: 'archived',
    'strangler.kill-switch': 'kept',
  });
});

test('a start that was cut short is completed by the next, several starts at once make each flag once', async () => {
  await admin('POST', '/projects/default/features', { name: `${shop}.list.serve`, type: 'release' });
  const { unleash, migrations } = await options();
  await Promise.all([1, 2, 3].map(() => ensureFlags({ unleash, migrations })));
  const flags = await openUnleash(unleash).readFlags(declaredFlags(migrations).map(({ name }) => name));
  expect([...flags.values()].map(({ strategies }) => strategies.length)).toEqual(Array(6).fill(1));
});

test('create says what it made; with --dry-run it makes nothing', async () => {
  const dry = await json('create', '--dry-run');
  const killSwitch = 'strangler.kill-switch';
  expect(dry).toMatchObject({ dry_run: true, completed: [], kept: [killSwitch], archived: [] });
  expect(dry.created).toHaveLength(5);
  expect((await json('status')).missing_flags).toEqual(dry.created);
  expect((await json('create')).created).toEqual(dry.created);
  expect(await json('create')).toMatchObject({ created: [], kept: [killSwitch, ...dry.created] });
  const { status, stdout, stderr } = await strangler(['create']);
  expect(status).toBe(0);
  expect(stdout).toContain(`kept  ${shop}.list.serve`);
  expect(stderr).toContain('Next: strangler status');
});

test('status is found wanting while declared flags are missing', async () => {
  const { status, stderr } = await strangler(['status']);
  expect(status).toBe(2);
  expect(stderr).toContain('5 declared flags are not in Unleash');
});

test('a route walks through its stages and back', async () => {
  await strangler(['create']);
  const stages = async () => {
    const { routes } = await json('status');
    return routes.filter((each: { kind: string }) => each.kind === 'read').map((each: { stage: string }) => each.stage);
  };
  expect(await stages()).toEqual(['off', 'off']);

  expect(await json('stage', `${shop}.list`, 'shadow', '50%')).toEqual({
    capability: shop,
    route: 'list',
    dry_run: false,
    before: { stage: 'off', serve: { enabled: false, share: 100 }, shadow: { enabled: false, share: 100 } },
    changes: [
      { flag: `${shop}.list.shadow`, change: 'share', share: 50 },
      { flag: `${shop}.list.shadow`, change: 'on' },
    ],
    after: { stage: 'shadow', serve: { enabled: false, share: 100 }, shadow: { enabled: true, share: 50 } },
  });
  expect(await stages()).toEqual(['shadow', 'off']);

  const dry = await json('stage', `${shop}.list`, 'canary', '20%', '--dry-run');
  expect(dry.changes).toHaveLength(2);
  expect(dry.after).toBeNull();
  expect(await stages()).toEqual(['shadow', 'off']);

  const canary = await strangler(['stage', `${shop}.list`, 'canary', '20%']);
  expect(canary).toMatchObject({
    status: 0,
    stdout: [
      'before  shadow (served by service: -, shadowed: 50 %)',
      `        set ${shop}.list.serve to 20 %`,
      `        turn ${shop}.list.serve on`,
      'after   canary (served by service: 20 %, shadowed: 50 %)',
      '',
    ].join('\n'),
    stderr: `\nNext: strangler stage ${shop}.list canary 50%\n`,
  });
  expect((await json('stage', `${shop}.list`, 'live')).after).toMatchObject({
    stage: 'live',
    shadow: { enabled: true },
  });
  expect((await json('stage', `${shop}.list`, 'live')).changes).toEqual([]);
  expect((await json('stage', `${shop}.list`, 'off')).after.stage).toBe('off');
  expect(await stages()).toEqual(['off', 'off']);
});

test('the table shows every route, and the kill switch first', async () => {
  await strangler(['create']);
  await strangler(['stage', `${shop}.list`, 'canary', '20%']);
  const killSwitch = '/projects/default/features/strangler.kill-switch/environments/development';
  await admin('POST', `${killSwitch}/on`);
  const { stdout, status } = await strangler(['status']);
  const staged = await strangler(['stage', `${shop}.list`, 'live']);
  await admin('POST', `${killSwitch}/off`);
  expect(status).toBe(0);
  expect(stdout.split('\n')).toEqual([
    `Unleash ${server.url}, environment development; kill switch ON: every read goes to the owner of its data, whatever stands below`,
    '',
    'ROUTE         METHOD  PATH         STAGE   SERVED BY SERVICE  SHADOWED',
    `${shop}.list    GET     /list        canary  20 %               -`,
    `${shop}.basket  GET     /basket/:id  off     -                  -`,
    `${shop}.add     POST    /basket/:id  moves with ${shop}.write (off)`,
    '',
    'Data: no control plane is known (--control URL, STRANGLER_CONTROL_TOKEN)',
    '',
  ]);
  expect(staged.stderr).toContain('The kill switch is on');
});

test('--watch shows each change until it is interrupted', async () => {
  await strangler(['create']);
  const env = { PATH: process.env.PATH, ...access() };
  const child = spawn(process.execPath, [CLI, 'status', '--watch'], { cwd: elsewhere, env });
  const ended = once(child, 'exit');
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await expect.poll(() => output, { timeout: 15_000 }).toContain(`${shop}.list    GET     /list        off`);
  await admin('POST', `/projects/default/features/${shop}.list.shadow/environments/development/on`);
  await expect
    .poll(() => output, { timeout: 15_000 })
    .toContain(`${shop}.list    GET     /list        shadow  -                  100 %`);
  child.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(output.match(/ROUTE/g), 'what has not changed is not printed again').toHaveLength(2);
});

test('a flag that a person has made finer than a share is left alone', async () => {
  await strangler(['create']);
  const strategies = `/projects/default/features/${shop}.list.serve/environments/development/strategies`;
  await admin('POST', strategies, {
    name: 'flexibleRollout',
    parameters: { rollout: '5', groupId: 'x', stickiness: 'default' },
  });
  const { status, stderr } = await strangler(['stage', `${shop}.list`, 'live']);
  expect(status).toBe(1);
  expect(stderr).toContain(`${shop}.list.serve is left alone`);
  expect(stderr).toContain(`${server.url}/projects/default/features/${shop}.list.serve`);
  expect((await json('status')).routes[0]).toMatchObject({ stage: 'off', serve: { share: null } });
});

test('beside a running system the command needs no settings', async () => {
  const state = join(elsewhere, '.strangler');
  const beside = { STRANGLER_STATE: state };
  await mkdir(state);
  const stack = { urls: { flags: server.url }, unleash_admin_token: server.adminToken, migrations: folder };
  await writeFile(join(state, 'stack.json'), JSON.stringify(stack));
  expect((await strangler(['create'], beside)).status).toBe(0);
  const { status, stderr } = await strangler(['status'], { ...beside, UNLEASH_ADMIN_URL: 'http://127.0.0.1:9' });
  expect(status, 'its token goes to no other server').toBe(1);
  expect(stderr).toContain("Unleash's admin token (--token T, or UNLEASH_ADMIN_TOKEN) is not known");
  await writeFile(join(state, 'stack.json'), '{');
  expect((await strangler(['status'], beside)).stderr).toMatch(/stack\.json is damaged/);
  await rm(state, { recursive: true });
});

test('as a program it exits with its status, data on standard output and talk on standard error', async () => {
  const env = { PATH: process.env.PATH, ...access() };
  const outcome = await new Promise((done) => {
    const child = execFile(process.execPath, [CLI, 'status'], { cwd: elsewhere, env }, (_error, stdout, stderr) => {
      done({ status: child.exitCode, stdout, stderr });
    });
  });
  expect(outcome).toEqual({
    status: 2,
    stdout: expect.stringContaining('no flag'),
    stderr: expect.stringContaining('Next: strangler create'),
  });
});

test('what cannot be done is said with its cause, on standard error, and once as JSON', async () => {
  const cases: [string[], NodeJS.ProcessEnv, RegExp][] = [
    [
      ['status'],
      {},
      /URL .* is not known[\s\S]*token .* is not known[\s\S]*declarations .* is not known[\s\S]*npm start/,
    ],
    [
      ['status'],
      { ...access(), UNLEASH_ADMIN_URL: 'http://127.0.0.1:9' },
      /Unleash does not answer at http:\/\/127\.0\.0\.1:9 \(.+\)/,
    ],
    [['status'], { ...access(), UNLEASH_ADMIN_TOKEN: '*:*.wrong' }, /refuses the token \(401\)/],
    [['status'], { ...access(), UNLEASH_ADMIN_TOKEN: server.clientToken }, /refuses the token \(403\)/],
    [['status'], { ...access(), STRANGLER_MIGRATIONS: elsewhere }, /there is no migration\.ts/],
    [['status', '--dry-run'], access(), /status knows no --dry-run/],
    [['status', 'now'], access(), /status takes no "now"/],
    [['destroy'], access(), /there is no verb "destroy": status, create, verify, stage, cutover/],
    [['retire'], access(), /which capability\? strangler retire catalog/],
    [['cutover', 'catalog'], access(), /No control plane is known: start the system/],
    [['cutover', 'catalog', '--force', 'parity'], access(), /--force needs --reason/],
    [['--what'], access(), /--what/],
    [['stage'], access(), /which route\?/],
    [['stage', `${shop}.nothing`, 'off'], access(), /Read routes are: shop.\.list, shop.\.basket/],
    [['stage', `${shop}.add`, 'live'], access(), /moves with the ownership of shop. \(shop.\.write\)/],
    [['stage', `${shop}.list`, 'canary'], access(), /a canary of which share\?/],
    [['stage', `${shop}.list`, 'canary', '100%'], access(), /from 1 to 99 \(100 % is "live"\)/],
    [['stage', `${shop}.list`, 'shadow', '0'], access(), /"0" is no share/],
    [['stage', `${shop}.list`, 'live', '5%'], access(), /"live" takes no share/],
    [['stage', `${shop}.list`, 'retired'], access(), /there is no stage "retired"/],
    [['stage', `${shop}.list`, 'live'], access(), /There is no flag shop.\.list\.serve.*strangler create/],
  ];
  const outcomes = await Promise.all(cases.map(([args, environment]) => strangler([...args, '--json'], environment)));
  for (const [place, [args, , expected]] of cases.entries()) {
    const { status, stdout, stderr } = outcomes[place] as Outcome;
    expect.soft(stderr, args.join(' ')).toMatch(expected);
    expect.soft(JSON.parse(stdout), args.join(' ')).toMatchObject({ error: expect.stringMatching(expected) });
    expect.soft(status, args.join(' ')).toBe(1);
    expect.soft(stderr + stdout).not.toContain(server.adminToken);
    expect.soft(stderr, args.join(' ')).not.toContain('    at ');
  }
});

test('help begins with examples and needs no server', async () => {
  const { status, stdout } = await strangler(['--help'], {});
  expect(status).toBe(0);
  expect(stdout.split('\n').slice(1, 4).join()).toContain('Examples');
});
