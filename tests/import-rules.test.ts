import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './support/running-stack.ts';

/** A project with this one's layout and nothing in it. */
let project: string;

const PACKAGES = {
  monolith: '@shop/monolith',
  'extracted/chassis': '@shop/chassis',
  'extracted/catalog': '@shop/catalog',
  'extracted/orders': '@shop/orders',
  migrations: 'strangler-migrations',
  'strangler-proxy': 'strangler-proxy',
  cdc: 'strangler-cdc',
  stack: '@strangler/stack',
};

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'import-rules-'));
  for (const [folder, name] of Object.entries(PACKAGES)) {
    await write(`${folder}/package.json`, JSON.stringify({ name, exports: { '.': './src/index.ts' } }));
    await write(`${folder}/src/index.ts`, 'export const here = 1;\nexport type Here = typeof here;\n');
    const link = join(project, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(project, folder), link);
  }
  const exported = { './define': './define/index.ts', './workflow': './workflow/index.ts' };
  await write('migrations/package.json', JSON.stringify({ name: 'strangler-migrations', exports: exported }));
  await write(
    'stack/package.json',
    JSON.stringify({ name: '@strangler/stack', exports: { './testing': './src/testing.ts' } }),
  );
  for (const file of [
    'migrations/define/index.ts',
    'migrations/workflow/index.ts',
    'migrations/orders/index.ts',
    'stack/src/testing.ts',
  ]) {
    await write(file, 'export const here = 1;\nexport type Here = typeof here;\n');
  }
});

afterAll(() => rm(project, { recursive: true, force: true }));

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(project, path)), { recursive: true });
  await writeFile(join(project, path), content);
}

/** The names of the rules that the project breaks with this file in it. */
async function broken(path: string, content: string): Promise<string[]> {
  await write(path, content);
  try {
    const config = join(ROOT, '.dependency-cruiser.cjs');
    const rooms = ['monolith', 'extracted', 'migrations', 'strangler-proxy', 'cdc', 'stack'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
        '--config',
        config,
        '-T',
        'json',
        ...rooms,
      ],
      { cwd: project, maxBuffer: 16 * 1024 * 1024 },
    ).catch((error: { stdout: string }) => error);
    const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
    return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
  } finally {
    await rm(join(project, path));
  }
}

const allowed: [file: string, from: string][] = [
  ['extracted/catalog/src/x.ts', '@shop/chassis'],
  ['migrations/catalog/x.ts', 'strangler-migrations/define'],
  ['migrations/workflow/x.ts', 'strangler-migrations/define'],
  ['strangler-proxy/src/x.ts', 'strangler-migrations/define'],
  ['cdc/src/x.ts', 'strangler-migrations/define'],
  ['stack/src/x.ts', 'strangler-proxy'],
  ['cdc/src/x.test.ts', '@strangler/stack/testing'],
];

test.each(allowed)('%s may import %s', async (file, from) => {
  expect(await broken(file, `import { here } from '${from}';\nexport const x = here;\n`)).toEqual([]);
});

const forbidden: [rule: string, file: string, from: string][] = [
  ['monolith', 'monolith/src/x.ts', 'strangler-migrations/define'],
  ['chassis', 'extracted/chassis/src/x.ts', '@shop/catalog'],
  ['service', 'extracted/catalog/src/x.ts', '@shop/orders'],
  ['service', 'extracted/catalog/src/x.ts', 'strangler-migrations/define'],
  ['define', 'migrations/define/x.ts', 'strangler-migrations/workflow'],
  ['declaration', 'migrations/catalog/x.ts', 'strangler-migrations/workflow'],
  ['declaration', 'migrations/catalog/x.ts', '../orders/index.ts'],
  ['workflow', 'migrations/workflow/x.ts', 'strangler-proxy'],
  ['workflow', 'migrations/workflow/x.ts', 'strangler-cdc'],
  ['proxy', 'strangler-proxy/src/x.ts', 'strangler-cdc'],
  ['proxy', 'strangler-proxy/src/x.ts', 'strangler-migrations/workflow'],
  ['cdc', 'cdc/src/x.ts', '@shop/catalog'],
  ['cdc', 'cdc/src/x.ts', '@strangler/stack/testing'],
  ['cdc-tests', 'cdc/src/x.test.ts', 'strangler-proxy'],
  ['past-the-exports', 'stack/src/x.ts', '../../strangler-proxy/src/index.ts'],
  ['unresolvable', 'stack/src/x.ts', 'strangler-proxy/src/index.ts'],
];

test.each(forbidden)('rule %s: %s may not import %s', async (rule, file, from) => {
  expect(await broken(file, `import { here } from '${from}';\nexport const x = here;\n`)).toContain(rule);
});

test('an import of types alone counts too', async () => {
  const content = `import type { Here } from 'strangler-migrations/define';\nexport const x: Here = 1;\n`;
  expect(await broken('monolith/src/x.ts', content)).toEqual(['monolith']);
});

test('a circle is found', async () => {
  await write('cdc/src/y.ts', `import { x } from './x.ts';\nexport const y = x;\n`);
  expect(await broken('cdc/src/x.ts', `import { y } from './y.ts';\nexport const x = y;\n`)).toEqual(['circle']);
  await rm(join(project, 'cdc/src/y.ts'));
});

test('a package that the workspace does not declare is found', async () => {
  await write('node_modules/left-pad/package.json', JSON.stringify({ name: 'left-pad', main: 'index.js' }));
  await write('node_modules/left-pad/index.js', 'module.exports = 1;\n');
  expect(await broken('cdc/src/x.ts', `import pad from 'left-pad';\nexport const x = pad;\n`)).toEqual(['undeclared']);
});
