import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { ConfigError, HELP, readConfig, redacted } from './config.ts';

const minimal = { STRANGLER_UPSTREAM_MONOLITH: 'http://127.0.0.1:4000' };

test('with the monolith alone, everything else has a default', () => {
  expect(readConfig([], minimal)).toEqual({
    port: 8080,
    host: '127.0.0.1',
    adminPort: 8081,
    adminToken: undefined,
    migrations: 'migrations',
    upstreams: { monolith: 'http://127.0.0.1:4000' },
    databases: {},
    pinKeys: [],
    identity: undefined,
    identityKeys: [],
    unleash: undefined,
    control: undefined,
    name: undefined,
    hold: { requestsMax: 1_000, bytesMax: 32 * 1024 * 1024, waitMsMax: 10_000 },
    state: '.strangler/proxy',
    servedBy: true,
    trustProxy: [],
    logLevel: 'info',
  });
});

test('a flag wins over the environment', () => {
  const env = { ...minimal, PORT: '1', STRANGLER_UPSTREAM_GIFT_CARDS: 'http://a:1', UNLEASH_URL: 'http://f/api' };
  const args = [
    '--port',
    '2',
    '--upstream=gift-cards=http://b:1',
    '--unleash-token',
    't',
    '--trust-proxy',
    'loopback,10.0.0.0/8',
  ];
  expect(readConfig(args, env)).toMatchObject({
    port: 2,
    upstreams: { monolith: 'http://127.0.0.1:4000', 'gift-cards': 'http://b:1' },
    unleash: { url: 'http://f/api', token: 't' },
    trustProxy: ['loopback', '10.0.0.0/8'],
  });
});

test('databases and keys of pins come from the environment, and no log shows them', () => {
  const key = 'a'.repeat(32);
  const env = {
    ...minimal,
    STRANGLER_DATABASE_MONOLITH: 'postgres://proxy:secret@m/shop',
    STRANGLER_DATABASE_GIFT_CARDS: 'postgres://proxy:secret@g/cards',
    STRANGLER_PIN_KEY: `${key},${'b'.repeat(32)}`,
  };
  const config = readConfig([], env);
  expect(config.databases).toEqual({
    monolith: 'postgres://proxy:secret@m/shop',
    'gift-cards': 'postgres://proxy:secret@g/cards',
  });
  expect(config.pinKeys).toEqual([key, 'b'.repeat(32)]);
  expect(JSON.stringify(redacted(config))).not.toMatch(/secret|aaa|bbb/);
  const wrong = { ...minimal, STRANGLER_DATABASE_MONOLITH: 'mysql://x', STRANGLER_PIN_KEY: 'short' };
  expect(() => readConfig([], wrong)).toThrow(
    /^STRANGLER_DATABASE_MONOLITH: has to be a postgres:\/\/ URL\nSTRANGLER_PIN_KEY: each key has to have at least 32/,
  );
});

test('keys that sign identities come from the environment, and no log shows them', () => {
  const pem = (type: 'ec' | 'ed25519') =>
    generateKeyPairSync(type as 'ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const env = {
    ...minimal,
    STRANGLER_IDENTITY: 'identity.ts',
    STRANGLER_IDENTITY_KEY: `${pem('ec')}\n${pem('ed25519')}`,
  };
  const config = readConfig([], env);
  expect(config.identityKeys).toHaveLength(2);
  expect(JSON.stringify(redacted(config))).not.toContain('PRIVATE');
  const wrong = {
    ...minimal,
    STRANGLER_IDENTITY_KEY: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----',
  };
  expect(() => readConfig([], wrong)).toThrow(/^STRANGLER_IDENTITY_KEY: has to be one or more private keys as PEM/);
});

test('an upstream has several instances and settings, from flags and from the environment', () => {
  const env = { ...minimal, STRANGLER_SETTINGS_GIFT_CARDS: 'in-flight-max=50, total-timeout-ms=3000' };
  const args = [
    '--upstream=gift-cards=http://a:1,http://b:1',
    '--upstream=catalog=http://c:1',
    '--settings=catalog=health-path=/readyz?deep=1,health-interval-ms=500',
  ];
  expect(readConfig(args, env).upstreams).toEqual({
    monolith: 'http://127.0.0.1:4000',
    'gift-cards': { url: 'http://a:1,http://b:1', inFlightMax: 50, totalTimeoutMs: 3_000 },
    catalog: { url: 'http://c:1', healthPath: '/readyz?deep=1', healthIntervalMs: 500 },
  });
});

test('a setting that is none, of nobody, or of no sense is told', () => {
  const args = [
    '--upstream=catalog=http://c:1,http://c:1,http://d:1/x',
    '--settings=catalog=in-flight-max=0,nope=1,health-path=readyz',
    '--settings=orders=eject-ms=1',
    '--settings',
    'x',
  ];
  expect(faultsOf(() => readConfig(args, minimal))).toEqual([
    '--settings x: has to look like catalog=health-path=/readyz',
    'upstream catalog names http://c:1 twice: each instance once',
    'upstream catalog may only be scheme, host and port: the path comes from the request. Use http://d:1',
    '--settings: in-flight-max has to be 1 or more',
    expect.stringMatching(/^--settings: nope is no setting; there are connect-timeout-ms, /),
    '--settings: health-path has to be a path: /readyz',
    '--settings: there is no upstream called orders',
  ]);
});

test('every fault is told at once', () => {
  const env = {
    PORT: '70000',
    UNLEASH_URL: 'ftp://x',
    STRANGLER_UPSTREAM_CATALOG: 'http://a:1/base',
    LOG_LEVEL: 'loud',
  };
  const args = ['--nope', 'extra', '--upstream', 'x', '--trust-proxy', '10.0.0.0/8/9', '--served-by', 'maybe'];
  const faults = faultsOf(() => readConfig(args, env));
  for (const part of [
    '--nope',
    'extra',
    '--upstream x',
    '10.0.0.0/8/9',
    '--served-by',
    'PORT',
    'UNLEASH_URL',
    'catalog',
    'LOG_LEVEL',
    'MONOLITH',
  ]) {
    expect(faults.filter((fault) => fault.includes(part))).not.toHaveLength(0);
  }
});

test('no secret is in what is logged', () => {
  const env = { ...minimal, STRANGLER_ADMIN_TOKEN: 'secret-1', UNLEASH_URL: 'http://f/api', UNLEASH_TOKEN: 'secret-2' };
  expect(JSON.stringify(redacted(readConfig([], env)))).not.toContain('secret');
});

test('help begins with examples and has no line that a terminal would wrap', () => {
  expect(HELP.indexOf('Examples')).toBeLessThan(HELP.indexOf('Options'));
  for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}
