import { fileURLToPath } from 'node:url';
import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { expect, test } from 'vitest';
import { runCommand } from './run.ts';

const STRANGLER_MIGRATIONS = fileURLToPath(new URL('../..', import.meta.url));

async function printed(...words: string[]): Promise<string> {
  const lines: string[] = [];
  const terminal = {
    print: (text: string) => void lines.push(text),
    talk: () => {},
    interactive: false,
    paint: (_: string, text: string) => text,
  };
  expect(await runCommand(['guard', ...words], { STRANGLER_MIGRATIONS }, terminal)).toBe(0);
  return lines.join('\n');
}

test('what it prints can be run as it is, to install a guard and to remove it', async () => {
  const database = await createDatabase('guard_sql');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('CREATE TABLE categ (id int); CREATE TABLE prod (id int)');
    for (const role of ['strangler_workflow', 'cdc']) {
      await client.query(`DO $$ BEGIN CREATE ROLE ${role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
    }
    await client.query(await printed('catalog', 'monolith'));
    const { rows } = await client.query(`SELECT (s.it).state, (s.it).mode, s.shut,
      (SELECT count(*)::int FROM strangler.guard_faults('catalog')) AS faults FROM strangler.guard_status('catalog') s`);
    expect(rows).toEqual([{ state: 'open', mode: 'observe', shut: false, faults: 0 }]);
    await client.query(await printed('catalog', 'monolith', 'remove'));
    expect((await client.query(`SELECT FROM pg_class WHERE relnamespace = 'strangler'::regnamespace`)).rowCount).toBe(
      0,
    );
    expect((await client.query(`SELECT FROM pg_trigger WHERE tgname LIKE 'strangler%'`)).rowCount).toBe(0);
  } finally {
    await client.end();
    await database.drop();
  }
});

test('as JSON it is a list of steps', async () => {
  const { steps } = JSON.parse(await printed('catalog', 'service', '--json'));
  expect(steps.map(({ title }: { title: string }) => title)).toEqual([
    'tables, functions and rights, in the schema strangler',
    ...['category', 'product', 'product_rating', 'product_stock'].map((name) => `guard public.${name}`),
  ]);
});
