import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const KEY_BYTES = 32;

/** Hashes a password as `scrypt$cost$salt$key`. The cost is scrypt's N, a power of two. */
export async function hashPassword(password: string, salt = randomBytes(16), cost = 16_384): Promise<string> {
  const key = await derive(password, salt, KEY_BYTES, { N: cost });
  return `scrypt$${cost}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** Whether a password is the one of a hash; takes equally long for every wrong password. */
export async function passwordMatches(password: string, hash: string): Promise<boolean> {
  const [scheme, cost, salt, key] = hash.split('$');
  if (scheme !== 'scrypt' || !cost || !salt || !key) return false;
  const derived = await derive(password, Buffer.from(salt, 'base64url'), KEY_BYTES, { N: Number(cost) });
  const expected = Buffer.from(key, 'base64url');
  return expected.length === derived.length && timingSafeEqual(derived, expected);
}
