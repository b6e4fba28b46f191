import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFolder, differences, parseSums } from './artifacts.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-artifacts-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a file that was changed, one that is missing and one that is too many are each told', async () => {
  await writeFile(join(folder, 'right.jar'), '');
  await writeFile(join(folder, 'changed.jar'), 'x');
  await writeFile(join(folder, 'more.jar'), '');
  const sums = parseSums(['right', 'changed', 'missing'].map((name) => `${EMPTY}  ${name}.jar\n`).join(''));
  expect([...(await differences(folder, sums))].sort()).toEqual([
    'changed.jar has another checksum',
    'missing.jar is missing',
    'more.jar is not in the list',
  ]);
});

test('a checksum file that is cut off is refused', () => {
  expect(() => parseSums(`${EMPTY.slice(0, 20)}`)).toThrow('not a line of sha256sum');
});

test('each version that the recipe names has its checksum', async () => {
  const recipe = await readFile(new URL('../../kafka/pom.xml', import.meta.url), 'utf8');
  const sums = parseSums(await readFile(new URL('../../kafka/sha256sums.txt', import.meta.url), 'utf8'));
  const version = (name: string) => new RegExp(`<${name}.version>([^<]+)<`).exec(recipe)![1];
  expect([...sums.keys()]).toEqual(
    expect.arrayContaining([
      `kafka_2.13-${version('kafka')}.jar`,
      `connect-runtime-${version('kafka')}.jar`,
      `debezium-connector-postgres-${version('debezium')}-plugin.tar.gz`,
    ]),
  );
});

test('the cache is where the environment says, else in the folder for caches of the user', () => {
  expect(cacheFolder({ STRANGLER_CACHE: '/a' })).toBe('/a');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/strangler');
});
