import { codes } from '../codes.ts';

/** `usr.rl`. */
export const ROLE = codes('rl', { customer: 'C', admin: 'A' });
