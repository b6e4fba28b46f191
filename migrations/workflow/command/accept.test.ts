import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from './run.ts';

const DECLARATION = `import { defineMigration, read } from 'strangler-migrations/define';
export default defineMigration({
  capability: 'catalog',
  routes: { list: read('GET /api/products') },
  tables: [],
});
`;

/** A project with one declaration, which finds the vocabulary as an installed one does; and the command. */
async function world() {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-accept-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'catalog'));
  await symlink(join(import.meta.dirname, '../../../node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'catalog', 'migration.ts');
  await writeFile(file, DECLARATION);
  const strangler = async (...words: string[]) => {
    let said = '';
    const say = (text: string) => {
      said += `${text}\n`;
    };
    const terminal = { print: say, talk: say, interactive: false, paint: (_style: string, text: string) => text };
    const status = await runCommand(['compare', 'accept', '--migrations', folder, ...words], {}, terminal);
    return { status, said };
  };
  return { strangler, text: () => readFile(file, 'utf8') };
}

test('an accepted difference is written into the declaration, which loads', async () => {
  const { strangler, text } = await world();
  expect(await strangler('catalog.list', `ignore('/took', 'Time taken')`)).toMatchObject({ status: 0 });
  expect(await text()).toContain(`list: read('GET /api/products', { compare: [ignore('/took', 'Time taken')] })`);
  expect(await text()).toContain('import { ignore, defineMigration, read }');
});

test('a rule that makes the declaration wrong leaves it as it was, and says what is wrong', async () => {
  const { strangler, text } = await world();
  const { status, said } = await strangler('catalog.list', `ignore('took', 'Time taken')`);
  expect(status).toBe(1);
  expect(said).toContain('is no JSON path');
  expect(await text()).toBe(DECLARATION);
});

test('a reason that nobody gave, a route that nobody declared, and a dry run write nothing', async () => {
  const { strangler, text } = await world();
  expect((await strangler('catalog.list', `ignore('/took', 'WHY')`)).said).toContain('say why');
  expect((await strangler('catalog.nope', `ignore('/took', 'Time')`)).said).toContain('only catalog.list');
  expect((await strangler('catalog.list', `ignore('/took', 'Time')`, '--dry-run')).said).toContain('would write');
  expect(await text()).toBe(DECLARATION);
});
