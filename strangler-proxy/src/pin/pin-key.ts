import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shorter ones could be guessed. */
export const PIN_KEY_LENGTH_MIN = 32;

/**
 * The key of an instance that was given none: made once, and kept in the state folder, readable by its owner alone.
 * Instances that share the folder share the key.
 *
 * @throws Error when the folder cannot be written to, or the file is not what was written
 */
export function keptPinKey(stateFolder: string): string {
  const file = join(stateFolder, 'pin.key');
  mkdirSync(stateFolder, { recursive: true });
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = readFileSync(file, 'utf8').trim();
  if (key.length < PIN_KEY_LENGTH_MIN) throw new Error(`${file} is damaged: remove it, and a new key is made`);
  return key;
}
