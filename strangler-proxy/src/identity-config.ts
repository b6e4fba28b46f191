import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Registry } from 'prom-client';
import { describeFaults, type IdentityDeclaration, identityFaults } from 'strangler-migrations/define';
import type { Upstreams } from './forward/upstreams.ts';
import { configuredKeys, createIdentity, type Identity, type IdentityKeys, keptKeys } from './identity/index.ts';
import type { Logger } from './logger.ts';

export const IDENTITY_KEY = 'STRANGLER_IDENTITY_KEY';

/** What identities are made from, as flags and environment give it. */
export interface IdentityConfig {
  /** The module that declares whose session a request carries; undefined: services are told nothing. */
  readonly identity: string | undefined;
  /** PEM; empty: the proxy makes keys of its own. */
  readonly identityKeys: readonly string[];
}

const PEM = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )?PRIVATE KEY-----/g;

/** Reads the keys, which only the environment carries. Adds what is wrong to `faults`, and never a key. */
export function readIdentityKeys(env: NodeJS.ProcessEnv, faults: string[]): readonly string[] {
  const text = env[IDENTITY_KEY] ?? '';
  const pems = text.match(PEM) ?? [];
  const isKey = (pem: string) => {
    try {
      return createPrivateKey(pem).type === 'private';
    } catch {
      return false;
    }
  };
  if ((text.trim() !== '' && pems.length === 0) || !pems.every(isKey)) {
    faults.push(`${IDENTITY_KEY}: has to be one or more private keys as PEM: P-256, P-384, Ed25519 or RSA`);
  }
  return pems;
}

/** Identities, and the keys to publish. */
export interface OpenedIdentity {
  readonly identity: Identity;
  readonly keys: IdentityKeys;
}

/** Imports the declaration and opens the keys; undefined without a declaration. @throws Error saying what is wrong with either */
export async function openIdentity(
  { identity: file, identityKeys, state }: IdentityConfig & { readonly state: string },
  upstreams: Pick<Upstreams, 'get'>,
  registry: Registry,
  logger: Logger,
): Promise<OpenedIdentity | undefined> {
  if (file === undefined) return undefined;
  const { default: declared } = await import(pathToFileURL(resolve(file)).href).catch((error: Error) => {
    throw new Error(`${file} cannot be imported: ${error.message}`);
  });
  const faults = identityFaults(declared);
  if (faults.length > 0)
    throw new Error(`${file}: end it with "export default defineIdentity({ ... })"\n${describeFaults(faults)}`);
  const declaration = declared as IdentityDeclaration;
  const keys = identityKeys.length > 0 ? await configuredKeys(identityKeys) : await keptKeys(state);
  return { identity: createIdentity({ declaration, keys, upstreams, registry, logger }), keys };
}
