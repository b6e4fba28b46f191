import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commonSettings, readConfiguration } from './configuration.ts';
import { createIdentityVerifier } from './identity.ts';

const SECRET = 'a secret of a test, long enough to be one';

const verifier = (settings: Record<string, string>) =>
  createIdentityVerifier(readConfiguration(commonSettings, { DATABASE_URL: 'postgres://db/shop', ...settings }));

const claims = (payload: Record<string, unknown> = { sub: '7', role: 'admin' }) =>
  new SignJWT(payload).setExpirationTime('1m');

const signed = (token = claims(), secret = SECRET) =>
  token.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));

describe('an identity signed with a shared secret', () => {
  const verify = verifier({ IDENTITY_SECRET: SECRET });

  test('is taken for what it says', async () => {
    expect(await verify(await signed())).toEqual({ subject: '7', role: 'admin' });
  });

  test('without a role is somebody without a role', async () => {
    expect(await verify(await signed(claims({ sub: '7' })))).toEqual({ subject: '7', role: '' });
  });

  test.each<[string, () => string | undefined | Promise<string>]>([
    ['missing', () => undefined],
    ['empty', () => ''],
    ['no token', () => 'admin'],
    ['signed with another secret', () => signed(claims(), 'x'.repeat(40))],
    ['not signed at all', () => `${btoa('{"alg":"none"}')}.${btoa('{"sub":"7","role":"admin","exp":9999999999}')}.`],
    ['expired', () => signed(claims().setExpirationTime('-1m'))],
    ['not valid yet', () => signed(claims().setNotBefore('1m'))],
    ['for ever', () => signed(new SignJWT({ sub: '7', role: 'admin' }))],
    ['without a subject', () => signed(claims({ role: 'admin' }))],
    ['with a role that is no text', () => signed(claims({ sub: '7', role: ['admin'] }))],
  ])('is nobody when %s', async (_how, token) => {
    expect(await verify(await token())).toBeUndefined();
  });

  test('is nobody when nothing is configured to verify it with', async () => {
    expect(await verifier({})(await signed())).toBeUndefined();
  });

  test('is checked for issuer and audience when these are configured', async () => {
    const strict = verifier({ IDENTITY_SECRET: SECRET, IDENTITY_ISSUER: 'proxy', IDENTITY_AUDIENCE: 'catalog' });
    expect(await strict(await signed(claims().setIssuer('proxy').setAudience('catalog')))).toBeDefined();
    expect(await strict(await signed(claims().setIssuer('proxy').setAudience('orders')))).toBeUndefined();
    expect(await strict(await signed(claims().setIssuer('mallory').setAudience('catalog')))).toBeUndefined();
  });
});

test('a public key verifies, and does not serve as a shared secret', async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const pem = await exportSPKI(publicKey);
  const verify = verifier({ IDENTITY_PUBLIC_KEY: pem });
  expect(await verify(await claims().setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey))).toBeDefined();
  expect(await verify(await signed(claims(), pem))).toBeUndefined();
  const other = await generateKeyPair('ES256');
  expect(await verify(await claims().setProtectedHeader({ alg: 'ES256' }).sign(other.privateKey))).toBeUndefined();
});

describe('an identity whose keys are published', () => {
  let published = 200;
  let url: string;
  let sign: (kid: string) => Promise<string>;
  const server = createServer();

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] });
    server.on('request', (_request, response) => {
      response.writeHead(published, { 'content-type': 'application/json' }).end(jwks);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    sign = (kid) => claims().setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  });
  afterAll(() => void server.close());

  test('is verified with the key that it names', async () => {
    const verify = verifier({ IDENTITY_JWKS_URL: url });
    expect(await verify(await sign('one'))).toEqual({ subject: '7', role: 'admin' });
    expect(await verify(await sign('two'))).toBeUndefined();
  });

  test('is not called nobody while the keys cannot be had', async () => {
    published = 500;
    await expect(verifier({ IDENTITY_JWKS_URL: url })(await sign('one'))).rejects.toMatchObject({
      code: 'identity-unavailable',
    });
    published = 200;
  });
});
