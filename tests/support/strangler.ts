import { runInShell } from './console-blocks.ts';
import { ROOT, type RunningStack } from './running-stack.ts';

/** Runs the operator's command against a running system. @throws Error with what it printed when it fails. */
export async function strangler(stack: RunningStack, words: string): Promise<void> {
  const { printed, status } = await runInShell(`npx strangler ${words}`, ROOT, stack.env);
  if (status !== 0) throw new Error(`strangler ${words} ended with ${status}:\n${printed}`);
}
