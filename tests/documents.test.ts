import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentedCommands, matchesOutput, runInShell } from './support/console-blocks.ts';
import { ROOT, type RunningStack, startStack } from './support/running-stack.ts';

const WALKTHROUGH = join(ROOT, 'docs/walkthrough');
const chapters = (await readdir(WALKTHROUGH)).filter((name) => name.endsWith('.md')).sort();

let stack: RunningStack;

beforeAll(async () => {
  // What is looked at is not how fast a busy machine is.
  stack = await startStack({ env: { STRANGLER_GATE_LAG_MS: '10000' } });
});

afterAll(() => stack?.stop());

describe.each(chapters)('docs/walkthrough/%s', async (chapter) => {
  const commands = await documentedCommands(join(WALKTHROUGH, chapter));
  test.each(commands)('line $line: $command', async ({ line, command, output }) => {
    const here = (text: string) =>
      text.replace(/127\.0\.0\.1:40(\d\d)/g, (_, port) => `127.0.0.1:${stack.portBase + Number(port)}`);
    const { printed } = await runInShell(here(command), ROOT, stack.env);
    const expected = output.map(here);
    // The runner shows the difference; where only `…` differs there is none.
    const shown = matchesOutput(expected, printed) ? expected.join('\n') : printed;
    expect(shown.trimEnd(), `line ${line}`).toBe(expected.join('\n').trimEnd());
  });
});
