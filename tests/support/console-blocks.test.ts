import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documentedCommands, matchesOutput } from './console-blocks.ts';

test('commands and their outputs are read from console blocks alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'console-blocks-'));
  const path = join(folder, 'page.md');
  const page = [
    'Text.',
    '```console',
    '$ echo one \\',
    '    two',
    'one two',
    '',
    '$ true',
    '```',
    '```sh',
    '$ echo not this',
    '```',
  ];
  await writeFile(path, page.join('\n'));
  const commands = await documentedCommands(path);
  await rm(folder, { recursive: true });
  expect(commands).toEqual([
    { line: 3, command: 'echo one \\\n    two', output: ['one two', ''] },
    { line: 7, command: 'true', output: [] },
  ]);
});

test.each([
  [['a', 'b'], 'a\nb\n', true],
  [['a', 'b'], 'a\n', false],
  [['a'], 'a\nb\n', false],
  [['took … ms'], 'took 12 ms\n', true],
  [['took … ms'], 'took 12 s\n', false],
  [['a', '…', 'z'], 'a\nb\nc\nz\n', true],
  [['a', '…', 'z'], 'a\nz\n', true],
  [['(a.b)'], '(a.b)  \n', true],
  [['(a.b)'], '(acb)\n', false],
  [['a', ''], 'a\n', true],
  [[], '', true],
  [[], 'surprise\n', false],
])('expected %j against %j: %s', (expected, printed, verdict) => {
  expect(matchesOutput(expected, printed)).toBe(verdict);
});
