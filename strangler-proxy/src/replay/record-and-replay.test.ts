import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@strangler/stack/testing';
import { defineMigration, ignore, read } from 'strangler-migrations/define';
import { expect, onTestFinished, test } from 'vitest';
import { createAdmin } from '../admin/index.ts';
import { defaultRedaction } from '../compare/redact.ts';
import { createRecording, type Recording } from '../recording/recording.ts';
import { createShadow } from '../shadow/index.ts';
import { startProxy, startUpstream, until } from '../test-support/servers.ts';

const PROGRAM = fileURLToPath(new URL('../cli.ts', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

const DECLARATION = `import { defineMigration, ignore, read, write } from 'strangler-migrations/define';
export default defineMigration({
  capability: 'catalog',
  routes: { item: read('GET /items/:id', { compare: [ignore('/took', 'Time taken')] }) },
  tables: [],
});`;

const migration = defineMigration({
  capability: 'catalog',
  routes: { item: read('GET /items/:id', { compare: [ignore('/took', 'Time taken')] }) },
  tables: [],
});

/** A side of the shop; prices from `price`. */
const side =
  (price: (id: number) => number): RequestListener =>
  (request, response) => {
    const id = Number(request.url!.split('/').at(-1)!.split('?')[0]);
    response.writeHead(200, { 'Content-Type': 'application/json', 'Set-Cookie': 'sid=s3cret; Path=/' });
    const took = Math.random();
    response.end(
      JSON.stringify({ id, price: price(id), took, email: 'anna@shop.example', session: request.headers.cookie }),
    );
  };

/** A proxy before `control` that can record; the admin port of it; and a folder with the declaration. */
async function world(control: RequestListener) {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-replay-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'migrations', 'catalog'), { recursive: true });
  await writeFile(join(folder, 'migrations', 'catalog', 'migration.ts'), DECLARATION);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(MODULES, join(folder, 'node_modules'));
  const monolith = await startUpstream(control);
  const recording: Recording = createRecording(defaultRedaction);
  const proxy = await startProxy({
    migrations: [migration],
    upstreams: { monolith: monolith.url, catalog: monolith.url },
    recording,
  });
  const { registry } = proxy.proxy.metrics;
  const shadow = createShadow({ upstreams: proxy.proxy.upstreams, registry });
  const admin = await startUpstream(createAdmin({ routes: proxy.proxy.routes, shadow, registry, recording }));
  return { folder, monolith, proxy, admin, recording };
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(folder: string, ...args: string[]): Promise<Ended> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      { cwd: folder, env: { PATH: process.env.PATH } },
      (error, stdout, stderr) => done({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** Records what `targets` ask, by the command, as a person would. */
async function record(
  { folder, proxy, admin, recording }: Awaited<ReturnType<typeof world>>,
  targets: readonly string[],
) {
  const args = ['record', '--out', 'a.har', '--admin', admin.url, '--requests', String(targets.length), '--json'];
  const ended = run(folder, ...args);
  await until(() => recording.isRunning, 20_000);
  for (const target of targets) {
    await (await fetch(proxy.url + target, { headers: { Cookie: 'sid=hunter2' } })).text();
  }
  return ended;
}

const ITEMS = ['/items/1', '/items/2?Q=%2f', '/items/3'];
const price = (id: number) => id * 10;

test('what passes the proxy is recorded with its secrets hidden, and replayed against a service that answers the same', async () => {
  const here = await world(side(price));
  const recorded = await record(here, ITEMS);
  expect(recorded).toMatchObject({ status: 0 });
  expect(JSON.parse(recorded.stdout)).toMatchObject({ out: 'a.har', exchanges: 3, ended: 'exchanges' });
  const har = await readFile(join(here.folder, 'a.har'), 'utf8');
  expect(har).not.toMatch(/hunter2|s3cret|anna@/);
  expect(
    JSON.parse(har).log.entries.map((entry: { request: { url: string } }) => new URL(entry.request.url).href),
  ).toEqual(ITEMS.map((target) => here.proxy.url + target));

  const service = await startUpstream(side(price));
  // Credentials are not in the recording: whoever replays it gives a session.
  const session = ['--header', 'Cookie: sid=mine'];
  const replayed = await run(here.folder, 'replay', 'a.har', '--candidate', service.url, ...session, '--json');
  expect(JSON.parse(replayed.stdout)).toMatchObject({
    total: 3,
    outcomes: { ignored: 3, mismatch: 0, error: 0 },
    differing: [],
  });
  expect(replayed.status).toBe(0);
});

test('a service that rounds wrongly is found wanting, in every form of the report', async () => {
  const here = await world(side(price));
  await record(here, ITEMS);
  const service = await startUpstream(side((id) => (id === 2 ? 21 : price(id))));
  const sides = ['--candidate', service.url, '--control', here.monolith.url];
  const { status, stdout } = await run(
    here.folder,
    'replay',
    'a.har',
    ...sides,
    '--html',
    'r.html',
    '--junit',
    'r.xml',
  );
  expect(status).toBe(2);
  expect(stdout).toContain('GET /items/2?Q=%2f  (catalog.item)');
  expect(stdout).toContain('- control    20\n    + candidate  21');
  const html = await readFile(join(here.folder, 'r.html'), 'utf8');
  expect(html).toContain('/items/2?Q=%2f');
  expect(html).not.toMatch(/https?:\/\/(?!127\.0\.0\.1)|<link|src=/);
  const xml = await readFile(join(here.folder, 'r.xml'), 'utf8');
  expect(xml).toContain('<testsuite name="catalog.item" tests="3" failures="1" errors="0" skipped="0">');
  expect(xml.match(/<failure /g)).toHaveLength(1);
});

test('a recording becomes a vitest file, which passes where the sides agree and fails where they do not', async () => {
  const here = await world(side(price));
  await record(here, ITEMS);
  expect((await run(here.folder, 'replay', 'a.har', '--vitest', 'a.test.ts')).status).toBe(0);
  const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));
  const runTests = (candidate: string) =>
    new Promise<Ended>((done) => {
      const env = { PATH: process.env.PATH, CONTROL_URL: here.monolith.url, CANDIDATE_URL: candidate, NO_COLOR: '1' };
      execFile(
        process.execPath,
        [vitest, 'run', '--root', here.folder],
        { cwd: here.folder, env },
        (error, stdout, stderr) => done({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  const service = await startUpstream(side((id) => (id === 2 ? 21 : price(id))));
  expect(await runTests(service.url)).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('1 failed | 2 passed'),
  });
});

test('a service that is not there is an error, not a match; a file that is no archive is refused by name', async () => {
  const here = await world(side(price));
  await record(here, ['/items/1']);
  const gone = await run(here.folder, 'replay', 'a.har', '--candidate', 'http://127.0.0.1:1', '--json');
  expect(gone.status).toBe(2);
  expect(JSON.parse(gone.stdout)).toMatchObject({ outcomes: { error: 1 }, parity: { value: 0, sample: 1 } });
  await writeFile(join(here.folder, 'b.har'), '{"log":{}}');
  const refused = await run(here.folder, 'replay', 'b.har', '--candidate', here.monolith.url);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('b.har is no recording') });
  const port = await freePort();
  const nobody = await run(here.folder, 'record', '--out', 'c.har', '--admin', `http://127.0.0.1:${port}`);
  expect(nobody).toMatchObject({ status: 1, stderr: expect.stringContaining('does not answer (ECONNREFUSED)') });
});

test('a form on somebody else’s page cannot start a recording', async () => {
  const { admin, recording } = await world(side(price));
  const body = new URLSearchParams({ seconds: '60' });
  expect((await fetch(`${admin.url}/api/recording`, { method: 'POST', body })).status).toBe(415);
  expect(recording.isRunning).toBe(false);
});

test('a bound that is reached ends the recording and says so; an answer that is too large is left out and counted', async () => {
  const here = await world((request, response) => {
    response.end(request.url === '/items/1' ? 'x'.repeat(2 * 1024 * 1024) : 'y');
  });
  here.recording.start({ milliseconds: 60_000, exchanges: 2, routes: [] });
  for (const target of ['/items/1', '/items/2', '/items/3', '/items/4', '/elsewhere']) {
    await (await fetch(here.proxy.url + target)).text();
  }
  await until(() => !here.recording.isRunning, 5_000);
  expect(here.recording.state()).toMatchObject({ ended: 'exchanges', exchanges: 2, skipped: { too_large: 1 } });
});
