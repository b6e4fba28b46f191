import { expect, it } from 'vitest';
import { readSettings } from './settings.ts';

it('has defaults for everything but the database', () => {
  expect(readSettings({ DATABASE_URL: 'postgres://x', PORT: '' })).toEqual({
    databaseUrl: 'postgres://x',
    port: 3000,
    host: '127.0.0.1',
    logLevel: 'info',
    paymentFailureRate: 0,
    repriceIntervalSeconds: 0,
    trustProxy: '',
  });
});

it('reports every fault at once, and never a value that may be a secret', () => {
  const environment = {
    DATABASE_URL: 'mysql://root:hunter2@x',
    PORT: '70000',
    LOG_LEVEL: 'loud',
    PAYMENT_FAILURE_RATE: '2',
    REPRICE_INTERVAL_SECONDS: '1.5',
    TRUST_PROXY: 'true',
  };
  expect(() => readSettings(environment)).toThrow(
    [
      'The environment is not right:',
      '  DATABASE_URL must begin with postgres://',
      '  PORT must be a whole number from 0 to 65535',
      '  LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent',
      '  PAYMENT_FAILURE_RATE must be a decimal from 0 to 1',
      '  REPRICE_INTERVAL_SECONDS must be a whole number from 0 to 86400',
      '  TRUST_PROXY must be loopback, linklocal, uniquelocal or addresses such as 10.0.0.0/8, separated by commas',
    ].join('\n'),
  );
});

it.each(['loopback', '10.0.0.0/8, ::1', '127.0.0.1'])('trusts %s when told to', (TRUST_PROXY) => {
  expect(readSettings({ DATABASE_URL: 'postgres://x', TRUST_PROXY }).trustProxy).toBe(TRUST_PROXY);
});
