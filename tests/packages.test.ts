import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './support/running-stack.ts';

const NAMES = ['strangler-migrations', 'strangler-proxy', 'strangler-cdc'];

let folder: string;
/** An empty project of a team that has installed the packages. */
let project: string;

const run = promisify(execFile);

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(project, path)), { recursive: true });
  await writeFile(join(project, path), content);
}

/** Runs a command of an installed package with plain Node; answers with its output. */
async function bin(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(join(project, 'node_modules/.bin', name), args, {
    cwd: project,
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
  });
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-packages-'));
  project = join(folder, 'project');
  await run(process.execPath, [join(ROOT, 'stack/src/build-packages.ts'), '--out', join(folder, 'built')]);
  const tarballs = await Promise.all(
    NAMES.map(async (name) => {
      const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: join(folder, 'built', name),
      });
      const packed: unknown = JSON.parse(stdout);
      const [first] = Object.values(packed as Record<string, { filename: string }>);
      return join(folder, first!.filename);
    }),
  );
  await write('package.json', JSON.stringify({ name: 'a-team', private: true, type: 'module' }));
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
  await run('npm', ['install', ...quick, ...tarballs], { cwd: project });
  await write(
    'migrations/stock/migration.js',
    `import { defineMigration, integer, read, rows, text } from 'strangler-migrations/define';

export default defineMigration({
  capability: 'stock',
  routes: { item: read('GET /items/:id') },
  tables: [rows({ source: 'itm', target: 'item', key: { id: integer('itm_no') }, columns: { name: text('itm_nm') } })],
});
`,
  );
}, 180_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(NAMES)('%s holds no TypeScript source, no test, and its licence', async (name) => {
  const files = await readdir(join(project, 'node_modules', name), { recursive: true });
  expect(files.filter((file) => /\.test\.|(?<!\.d)\.ts$|tsconfig/.test(file))).toEqual([]);
  expect(files).toContain('LICENSE');
});

test('the example of this repository is not packed', async () => {
  await expect(access(join(project, 'node_modules/strangler-migrations/catalog'))).rejects.toThrow();
});

test("the page of the proxy's admin is packed", async () => {
  const page = await readFile(join(project, 'node_modules/strangler-proxy/src/admin/page/index.html'), 'utf8');
  expect(page).toContain('<html');
});

test('each command prints its help', async () => {
  expect(await bin('strangler', '--help')).toContain('strangler');
  expect(await bin('strangler-proxy', '--help')).toContain('--upstream');
  expect(await bin('cdc', '--help')).toContain('npx cdc run');
});

test('a declaration is loaded, and the proxy forwards a request, with plain Node', async () => {
  await write(
    'try.js',
    `import { once } from 'node:events';
import { createServer } from 'node:http';
import { loadMigrations } from 'strangler-migrations/define';
import { createProxy } from 'strangler-proxy';

const listen = async (server) => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return 'http://127.0.0.1:' + server.address().port;
};
const monolith = createServer((request, response) => response.end('monolith ' + request.url));
const migrations = await loadMigrations('migrations');
const proxy = createProxy({ migrations, upstreams: { monolith: await listen(monolith), stock: 'http://127.0.0.1:1' } });
const front = createServer(proxy.handler);
const answer = await fetch((await listen(front)) + '/items/7');
console.log(JSON.stringify({ capability: migrations[0].capability, by: answer.headers.get('x-served-by'), body: await answer.text() }));
process.exit(0);
`,
  );
  const { stdout } = await run(process.execPath, ['try.js'], { cwd: project, timeout: 30_000 });
  expect(JSON.parse(stdout)).toEqual({ capability: 'stock', by: 'monolith', body: 'monolith /items/7' });
});

test('a wrong declaration does not compile against the installed declarations, a right one does', async () => {
  // Node's own types are not ours to ship.
  await mkdir(join(project, 'node_modules/@types'), { recursive: true });
  await symlink(join(ROOT, 'node_modules/@types/node'), join(project, 'node_modules/@types/node')).catch(() => {});
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    skipLibCheck: true,
  };
  await write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const consumer = (method: string) => `import { defineMigration, read } from 'strangler-migrations/define';
import { createProxy, type ProxyOptions } from 'strangler-proxy';
import * as cdc from 'strangler-cdc';
const migration = defineMigration({ capability: 'stock', routes: { item: read('${method} /items/:id') }, tables: [] });
const options: ProxyOptions = { migrations: [migration], upstreams: { monolith: 'http://127.0.0.1:1' } };
export const proxy: ReturnType<typeof createProxy> = createProxy(options);
export const parts: object = cdc;
`;
  const tsc = () => run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: project });
  await write('consumer.ts', consumer('GET'));
  await tsc().catch(({ stdout }: { stdout: string }) => expect.fail(stdout));
  await write('consumer.ts', consumer('POST'));
  await expect(tsc()).rejects.toThrow();
});
