import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import * as z from 'zod';
import type { CommonConfiguration } from './configuration.ts';
import { Problem } from './problem.ts';

/** The header in which whoever stands before the service says, signed, who is asking. */
export const IDENTITY_HEADER = 'x-strangler-identity';

/** Who is asking. */
export interface Identity {
  readonly subject: string;
  /** Empty when the token names none. */
  readonly role: string;
}

/**
 * Verifies the value of {@link IDENTITY_HEADER}: a JWT (RFC 7519) with `sub`, `exp` and, for more than
 * a visitor's rights, `role`.
 * Undefined means nobody: no header, no configured key, or a token that does not hold.
 *
 * @throws {Problem} `identity-unavailable` when the keys cannot be fetched: that is not the caller's fault.
 */
export type VerifyIdentity = (header: string | undefined) => Promise<Identity | undefined>;

const ASYMMETRIC = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256'];
const CLOCK_TOLERANCE_SECONDS = 5;
const claims = z.object({ sub: z.string().min(1), role: z.string().default('') });

/** Makes the verifier that the `IDENTITY_` settings describe. */
export function createIdentityVerifier(configuration: CommonConfiguration): VerifyIdentity {
  const key = keySource(configuration);
  const { IDENTITY_ISSUER: issuer, IDENTITY_AUDIENCE: audience } = configuration;
  return async (header) => {
    if (!key || header === undefined) return undefined;
    const options: JWTVerifyOptions = {
      algorithms: key.algorithms,
      requiredClaims: ['sub', 'exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
    try {
      const { payload } = await jwtVerify(header, key.get, options);
      const read = claims.safeParse(payload);
      return read.success ? { subject: read.data.sub, role: read.data.role } : undefined;
    } catch (error) {
      if (isFaultOfToken(error)) return undefined;
      throw new Problem('identity-unavailable', { cause: error });
    }
  };
}

interface KeySource {
  readonly algorithms: string[];
  readonly get: JWTVerifyGetKey;
}

function keySource(configuration: CommonConfiguration): KeySource | undefined {
  const { IDENTITY_JWKS_URL: jwks, IDENTITY_PUBLIC_KEY: pem, IDENTITY_SECRET: shared } = configuration;
  if (jwks !== undefined) {
    return { algorithms: ASYMMETRIC, get: createRemoteJWKSet(new URL(jwks), { timeoutDuration: 2_000 }) };
  }
  if (pem !== undefined) {
    const publicKey = createPublicKey(pem);
    return { algorithms: algorithmsOf(publicKey), get: () => publicKey };
  }
  if (shared !== undefined) {
    const secretKey = createSecretKey(Buffer.from(shared.reveal()));
    return { algorithms: ['HS256'], get: () => secretKey };
  }
  return undefined;
}

/** The algorithms that a key is made for; the token may choose among these only. */
function algorithmsOf(key: KeyObject): string[] {
  if (key.asymmetricKeyType === 'rsa') return ['RS256', 'PS256'];
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519'];
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? ['ES384'] : ['ES256'];
}

const FAULTS_OF_TOKEN = [
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSMultipleMatchingKeys,
  errors.JWKSNoMatchingKey,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWTClaimValidationFailed,
  errors.JWTExpired,
  errors.JWTInvalid,
];

function isFaultOfToken(error: unknown): boolean {
  return FAULTS_OF_TOKEN.some((kind) => error instanceof kind);
}
