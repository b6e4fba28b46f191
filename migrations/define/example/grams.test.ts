import { readFile } from 'node:fs/promises';
import { proveCodec } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { useDatabase } from '../testing.ts';
import { grams } from './grams.ts';

const { query } = useDatabase('grams');

test('grams keeps its promises', async () => {
  const faults = await proveCodec(grams('wght'), {
    query,
    sourceType: 'varchar(20)',
    targetType: 'integer',
    sourceValues: ['350 g', '0 g', '999999999 g', '0350 g', '1000000000 g', '350', '350 kg', '-1 g', '350 g\n', ''],
    targetValues: ['0', '350', '999999999', '1000000000', '-1'],
  });
  expect(faults).toEqual([]);
});

test('the guide shows this very code', async () => {
  const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
  const guide = await read('../writing-a-codec.md');
  const [codec, proof, ...more] = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map((block) => block[1] as string);
  expect(codec).toBe(await read('./grams.ts'));
  expect((await read('./grams.test.ts')).replaceAll(/^ {2}/gm, '')).toContain(proof);
  expect(more).toEqual([]);
});
