import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * The name of the proxy that keeps its state in this folder: made once, of the host's name and something random, so that
 * it is the same one after a restart.
 */
export function proxyName(stateFolder: string): string {
  const file = join(stateFolder, 'proxy-name');
  try {
    const name = readFileSync(file, 'utf8').trim();
    if (name !== '') return name;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const name = `${hostname()
    .replaceAll(/[^\w.-]/g, '-')
    .slice(0, 60)}-${randomBytes(3).toString('hex')}`;
  mkdirSync(stateFolder, { recursive: true });
  writeFileSync(file, `${name}\n`);
  return name;
}
