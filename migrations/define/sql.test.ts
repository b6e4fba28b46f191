import { expect, test } from 'vitest';
import { literal } from './sql.ts';
import { useDatabase } from './testing.ts';

const { query } = useDatabase('sql');

test.each(['on', 'off'])('a literal is its text with standard_conforming_strings %s', async (setting) => {
  await query(`SET standard_conforming_strings = ${setting}`, []);
  for (const text of ['', "it's", 'a\\b', "\\'", "'; DROP TABLE x; --", '\\\\n', '🍐']) {
    expect(await query(`SELECT ${literal(text)} AS text`, []), text).toEqual([{ text }]);
  }
});
