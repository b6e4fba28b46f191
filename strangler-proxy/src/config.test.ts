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
    unleash: undefined,
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
