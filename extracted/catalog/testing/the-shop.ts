import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase, freePort } from '@strangler/stack/testing';
import type pg from 'pg';
import { expect, vi } from 'vitest';
import { copyCatalog } from './copy-catalog.ts';

const FOLDER = fileURLToPath(new URL('../../../monolith/', import.meta.url));

/** Sessions of the shop, by the role of who is logged in. */
export const SESSIONS = { admin: 'a'.repeat(43), customer: 'c'.repeat(43) } as const;

/** The shop, running as a process of its own: nothing of it is imported. */
export interface TheShop {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the shop with its seed data, and fills the service's database from it. */
export async function startTheShop(catalogDatabase: pg.Client): Promise<TheShop> {
  const database = await createDatabase('shop');
  const port = await freePort();
  const env = { ...process.env, DATABASE_URL: database.url, PORT: String(port), HOST: '127.0.0.1', LOG_LEVEL: 'error' };
  for (const program of ['src/migrate.ts', 'src/seed.ts']) {
    await promisify(execFile)(process.execPath, [program], { cwd: FOLDER, env });
  }
  await copyCatalog(database.url, catalogDatabase, SESSIONS);

  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, ['src/main.ts'], { cwd: FOLDER, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await database.drop();
  };
  try {
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).ok).toBe(true), {
      timeout: 20_000,
      interval: 50,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}
