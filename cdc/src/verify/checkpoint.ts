import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';

const KEY = z.array(z.string()).readonly();
const COUNT = z.number().int().nonnegative();
const CHECKPOINT = z.object({
  /** Of the declaration and the choice of tables: another one cannot be gone on with. */
  of: z.string(),
  startedAtMs: z.number(),
  tables: z.array(
    z.object({
      source: z.string(),
      target: z.string(),
      method: z.enum(['digest', 'rows']),
      rows: COUNT,
      missing: COUNT,
      extra: COUNT,
      different: COUNT,
      orphan: COUNT,
      unsettled: COUNT,
    }),
  ),
  /** Of the last table in `tables`: keys up to this one are compared; null at its beginning. */
  after: KEY.nullable(),
  /** Whether that table is compared to its end. */
  done: z.boolean(),
  /** Rows of it that differed and are not settled. */
  suspects: z.array(KEY),
  differences: z.array(
    z.object({
      table: z.string(),
      kind: z.enum(['missing', 'extra', 'different', 'orphan', 'unsettled']),
      key: z.record(z.string(), z.string()),
      columns: z.array(z.string()).readonly(),
      reason: z.string().nullable(),
    }),
  ),
});

/** How far a verification is, and what it has found: all that another process needs to go on. */
export type Checkpoint = z.infer<typeof CHECKPOINT>;

/**
 * Where a verification keeps how far it is: a file beside the other state, so that verifying needs no right to write
 * anything in either database.
 */
export function checkpointFile(state: string, capability: string): string {
  return resolve(state, 'verify', `${capability}.json`);
}

/** What was kept; undefined when there is nothing that can be gone on with. */
export async function readCheckpoint(file: string, of: string): Promise<Checkpoint | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
  const checkpoint = CHECKPOINT.safeParse(content);
  return checkpoint.success && checkpoint.data.of === of ? checkpoint.data : undefined;
}

/** Keeps it whole or not at all. */
export async function writeCheckpoint(file: string, checkpoint: Checkpoint): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}`;
  await writeFile(beside, JSON.stringify(checkpoint), { mode: 0o600 });
  await rename(beside, file);
}

export async function removeCheckpoint(file: string): Promise<void> {
  await rm(file, { force: true });
}
