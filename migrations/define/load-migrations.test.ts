import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadMigrations } from './load-migrations.ts';

let folder: string;

// Beside this file, not in the system's folder for such, so that the package is found by its name.
beforeEach(async () => {
  folder = await mkdtemp(join(dirname(fileURLToPath(import.meta.url)), '.load-migrations-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function declare(name: string, body: string, file = 'migration.ts'): Promise<void> {
  await mkdir(join(folder, name));
  await writeFile(
    join(folder, name, file),
    `import { defineMigration, read } from 'strangler-migrations/define';\n${body}`,
  );
}
const migration = (capability: string, path = `/${capability}`) =>
  `export default defineMigration({ capability: '${capability}', routes: { list: read('GET ${path}') }, tables: [] });`;

const failure = () =>
  loadMigrations(folder).then(
    () => '',
    (error: Error) => error.message.replaceAll(folder, 'DIR'),
  );

test('every declaration is loaded, in the order of the capabilities, from TypeScript or JavaScript', async () => {
  await declare('a', migration('orders'));
  await declare('b', migration('catalog'), 'migration.js');
  await declare('define', 'export const nothing = read;', 'other.ts');
  expect((await loadMigrations(folder)).map(({ capability }) => capability)).toEqual(['catalog', 'orders']);
});

test('the faults of all files are told together, with those between them', async () => {
  await declare('a', migration('Orders', '/a/'));
  await declare('b', 'export const forgotten = read;');
  await declare('c', 'throw new Error("its own fault");');
  await declare('d', migration('x', '/same'));
  await declare('e', migration('y', '/same'));
  await declare('f', migration('x', '/other'));
  const message = await failure();
  const problems = message.split('\n').filter((line) => /^ {4}[^-]/.test(line));
  expect(problems).toEqual([
    '    "Orders" is no name in kebab-case',
    '    the path "/a/" has an empty segment',
    '    its default export is no migration',
    '    it cannot be imported: its own fault',
    '    GET /same matches the same requests as x: routes.list',
    '    two files declare it',
  ]);
  expect(message).toContain('- DIR/b/migration.ts');
});

test('a folder without declarations, or that is not there, is a fault', async () => {
  expect(await failure()).toContain('there is no migration.ts in any folder of it');
  await expect(loadMigrations(join(folder, 'nowhere'))).rejects.toThrow('the folder cannot be read (ENOENT)');
});
