import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { checkTables, describeTables, loadMigrations, type Query } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { useDatabase } from '../define/testing.ts';
import catalog from './migration.ts';

const monolith = useDatabase('monolith');
const service = useDatabase('catalog');

async function applySchema(query: Query, folder: string): Promise<void> {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  for (const name of (await readdir(path, { withFileTypes: true }))
    .filter((each) => each.isDirectory())
    .map((each) => each.name)
    .toSorted()) {
    await query(await readFile(`${path}/${name}/migration.sql`, 'utf8'), []);
  }
}

test('the declaration fits the databases that both sides make', async () => {
  await applySchema(monolith.query, '../../monolith/prisma/migrations');
  await applySchema(service.query, '../../extracted/catalog/prisma/migrations');
  const mappings = [...catalog.tables, ...catalog.follows];
  const described = {
    source: await describeTables(
      monolith.query,
      mappings.map(({ source }) => source),
    ),
    target: await describeTables(
      service.query,
      mappings.map(({ target }) => target),
    ),
  };
  expect(described.source).toHaveLength(4);
  expect(checkTables(catalog, described)).toEqual([]);
});

test('it is found in its folder', async () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  expect(await loadMigrations(folder)).toContain(catalog);
});
