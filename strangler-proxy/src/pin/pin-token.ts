import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Side } from '../decide/ownership.ts';
import type { LogPlace } from './log-place.ts';

/** What a client carries after a write: where its reads of a capability go, and until when. */
export interface Pin {
  readonly capability: string;
  /** Of the ownership in which the write was answered. */
  readonly epoch: number;
  /** The side that answered the write, and owned the capability then. */
  readonly owner: Side;
  /** A place in the owner's log behind the write; undefined if it could not be read in time. */
  readonly place: LogPlace | undefined;
}

/** Writes pins down so that a client can carry them and nobody can make them up. */
export interface PinSigner {
  sign(pin: Pin): string;
  /** Undefined: signed with no key of ours. */
  read(token: string): Pin | undefined;
}

/** `1.<capability>.<epoch>.<owner>.<history>.<lsn>.<signature>`, or `-` for an unknown place. */
const TOKEN =
  /^(1\.([a-z][a-z0-9-]{0,39})\.(\d{1,15})\.(monolith|service)\.(?:-|(\d{1,20}-\d{1,10})\.([0-9a-f]{1,16})))\.([\w-]{22})$/;

/** HMAC-SHA256, cut to 128 bits (RFC 2104 section 5). */
const SIGNATURE_BYTES = 16;

/**
 * There is no time in a pin: no two clocks have to agree. One that is played back later names a write that has long been
 * applied, and does nothing.
 *
 * @param keys the first one signs, all of them verify: so a key can be replaced without losing a pin
 */
export function createPinSigner(keys: readonly [string, ...string[]]): PinSigner {
  const signature = (text: string, key: string) =>
    createHmac('sha256', key).update(`strangler pin ${text}`).digest().subarray(0, SIGNATURE_BYTES);
  return {
    sign({ capability, epoch, owner, place }) {
      const where = place === undefined ? '-' : `${place.history}.${place.lsn.toString(16)}`;
      const text = `1.${capability}.${epoch}.${owner}.${where}`;
      return `${text}.${signature(text, keys[0]).toString('base64url')}`;
    },
    read(token) {
      const parts = TOKEN.exec(token);
      if (parts === null) return undefined;
      const [, text = '', capability = '', epoch, owner, history, lsn, signed = ''] = parts;
      const given = Buffer.from(signed, 'base64url');
      if (!keys.some((key) => timingSafeEqual(given, signature(text, key)))) return undefined;
      const place = history === undefined ? undefined : { history, lsn: BigInt(`0x${lsn}`) };
      return { capability, epoch: Number(epoch), owner: owner as Side, place };
    },
  };
}

/** The capability that a token says it is about, before anybody has verified it. */
export function capabilityOf(token: string): string {
  return token.split('.', 2)[1] ?? '';
}
