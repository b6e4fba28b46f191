import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { SaidFlags } from './still-flags.ts';

const strategy = z.object({ name: z.string(), parameters: z.record(z.string(), z.unknown()).nullish() });
const flag = z.object({ name: z.string().min(1), enabled: z.boolean(), strategies: z.array(strategy).nullish() });
const flags = z.array(flag);

/**
 * Why an answer of a flag server cannot be meant; undefined if it can.
 *
 * @param known whether there were flags before: a server that has none any more was emptied, or is another one. A person
 *   who wants everything off turns flags off, or `strangler.kill-switch` on.
 */
export function faultOf(features: unknown, known: boolean): string | undefined {
  const read = flags.safeParse(features);
  if (!read.success) {
    const [issue] = read.error.issues;
    return `it gave flags that are none: ${issue?.path.join('.')}: ${issue?.message}`;
  }
  return known && read.data.length === 0 ? 'it says that there are no flags at all' : undefined;
}

/** What was believed last; undefined if there is nothing. @throws Error if the file cannot be read or understood */
export async function readKept(file: string): Promise<SaidFlags | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const said = JSON.parse(text) as SaidFlags;
  const fault = faultOf(said?.features, false);
  if (fault !== undefined) throw new Error(`${file}: ${fault}`);
  return said;
}

/** Keeps an answer in a file that is always whole. */
export async function writeKept(file: string, said: SaidFlags): Promise<void> {
  const next = `${file}.${process.pid}`;
  await writeFile(next, JSON.stringify(said));
  await rename(next, file);
}
