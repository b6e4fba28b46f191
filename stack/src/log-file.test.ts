import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLog } from './log-file.ts';

test('a log keeps what was written last, in two files of bounded size', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'log-file-'));
  const log = openLog(join(folder, 'part.log'), 100);
  for (let line = 0; line < 50; line += 1) log.write(`line ${line}\n`);
  log.close();
  const [now, before] = await Promise.all(
    ['part.log', 'part.1.log'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  expect(now).toMatch(/line 49\n$/);
  const kept = `${before}${now}`.trim().split('\n');
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => `line ${50 - kept.length + index}`));
  expect((await stat(join(folder, 'part.1.log'))).size).toBeLessThanOrEqual(100);
  await rm(folder, { recursive: true });
});
