import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** A key that signs identities. */
export interface SigningKey {
  /** Its name in tokens and among the published keys (RFC 7638). */
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
}

/** The keys of one proxy. */
export interface IdentityKeys {
  /** The one that signs now. */
  signing(): SigningKey;
  /** The public parts of all keys that a service may meet (RFC 7517 section 5). */
  readonly published: () => { readonly keys: readonly JWK[] };
  close(): void;
}

/** A key in the state folder. */
interface KeptKey {
  readonly createdAt: number;
  /** With its private part. */
  readonly jwk: JWK;
}

const ALGORITHM = 'ES256';
const HOUR_MS = 60 * 60 * 1000;
/** How long a key signs. */
const LIFE_MS = 30 * 24 * HOUR_MS;
/** Published this long before it signs and after it last did: services keep what they have fetched for some minutes. */
const OVERLAP_MS = HOUR_MS;

/** Keys that were configured, as PEM (PKCS #8): the first signs, all are published. @throws Error for what is no such key. */
export async function configuredKeys(pems: readonly string[]): Promise<IdentityKeys> {
  const keys = await Promise.all(
    pems.map(async (pem) => {
      const privateKey = createPrivateKey(pem);
      const jwk = await exportJWK(createPublicKey(privateKey));
      return opened(jwk, privateKey, algorithmOf(privateKey));
    }),
  );
  const [first] = keys;
  if (first === undefined) throw new Error('there is no key');
  return {
    signing: () => first.signing,
    published: () => ({ keys: keys.map(({ publicJwk }) => publicJwk) }),
    close() {},
  };
}

/**
 * Keys that the proxy makes and replaces by itself, in a file of the state folder that only its owner may read. Instances
 * that share the folder share the keys. A key is published an hour before it signs first, and an hour after it did last.
 *
 * @param now the time by which keys age, in milliseconds since 1970
 * @throws Error when the folder cannot be written to, or the file is damaged
 */
export async function keptKeys(stateFolder: string, now: () => number = Date.now): Promise<IdentityKeys> {
  const file = join(stateFolder, 'identity-keys.json');
  let current: { readonly createdAt: number; readonly key: Opened }[] = [];

  async function refresh(): Promise<void> {
    mkdirSync(stateFolder, { recursive: true });
    const kept = read(file);
    const newest = Math.max(Number.NEGATIVE_INFINITY, ...kept.map(({ createdAt }) => createdAt));
    let next = kept.filter(({ createdAt }) => now() - createdAt < LIFE_MS + 2 * OVERLAP_MS);
    if (now() - newest >= LIFE_MS) next = [...next, { createdAt: now(), jwk: await makeKey() }];
    if (next.length !== kept.length || next.length === 0) write(file, next);
    current = await Promise.all(
      next.map(async ({ createdAt, jwk }) => {
        const { d: _private, ...publicJwk } = jwk;
        return { createdAt, key: await opened(publicJwk, createPrivateKey({ key: jwk, format: 'jwk' }), ALGORITHM) };
      }),
    );
  }

  await refresh();
  // What was read last goes on to hold when the folder is lost.
  const timer = setInterval(() => void refresh().catch(() => {}), OVERLAP_MS / 4).unref();
  return {
    signing() {
      const known = current.filter(({ createdAt }) => now() - createdAt >= OVERLAP_MS);
      const { key } = (known.at(-1) ?? current[0]) as (typeof current)[number];
      return key.signing;
    },
    published: () => ({ keys: current.map(({ key }) => key.publicJwk) }),
    close: () => clearInterval(timer),
  };
}

interface Opened {
  readonly signing: SigningKey;
  readonly publicJwk: JWK;
}

async function opened(publicJwk: JWK, privateKey: KeyObject, algorithm: string): Promise<Opened> {
  const kid = await calculateJwkThumbprint(publicJwk);
  return {
    signing: { kid, algorithm, privateKey },
    publicJwk: { ...publicJwk, kid, alg: algorithm, use: 'sig' },
  };
}

async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return exportJWK(privateKey);
}

function read(file: string): KeptKey[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new Error(`${file} is damaged: remove it, and new keys are made`, { cause: error });
  }
}

function write(file: string, keys: readonly KeptKey[]): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, JSON.stringify(keys), { mode: 0o600, flush: true });
  renameSync(next, file);
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === 'prime256v1') return 'ES256';
  if (namedCurve === 'secp384r1') return 'ES384';
  throw new Error('a key that signs identities has to be P-256, P-384, Ed25519 or RSA');
}
