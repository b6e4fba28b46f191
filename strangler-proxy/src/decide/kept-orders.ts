import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ORDER, type Order } from './ownership.ts';

const kept = z.object({ orders: z.array(ORDER) });

/** The orders that this proxy has taken, in a file that is always whole, so that a restart changes nothing. */
export interface KeptOrders {
  readonly atStart: readonly Order[];
  /** Resolves once they are on the disk; one write at a time, and the newest is the last. */
  keep(orders: readonly Order[]): Promise<void>;
}

const FILE = 'ownership.json';

/** The orders that are kept in a folder. @throws Error if there is a file that cannot be understood */
export function keptOrders(folder: string): readonly Order[] {
  return read(join(folder, FILE));
}

/** @throws Error if there is a file that cannot be understood: to take it for none would be to guess the owner. */
export function keepOrders(folder: string): KeptOrders {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, FILE);
  let writing: Promise<void> = Promise.resolve();

  async function write(orders: readonly Order[]): Promise<void> {
    const next = `${file}.${process.pid}`;
    const handle = await open(next, 'w');
    try {
      await handle.writeFile(`${JSON.stringify({ orders }, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  }

  return {
    atStart: read(file),
    keep(orders) {
      writing = writing.catch(() => {}).then(() => write(orders));
      return writing;
    },
  };
}

function read(file: string): readonly Order[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return kept.parse(JSON.parse(text)).orders;
  } catch {
    throw new Error(`${file} is damaged. Remove it: the control plane says anew who owns what`);
  }
}
