import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigurationError, commonSettings, readConfiguration, wholeNumber } from './configuration.ts';

const settings = { ...commonSettings, PORT: wholeNumber(0, 65_535) };

describe('readConfiguration', () => {
  test('reads what is set and knows the rest', () => {
    const configuration = readConfiguration(settings, {
      DATABASE_URL: 'postgres://shop:hush@db/shop',
      PORT: '8080',
      HOST: '',
    });
    expect(configuration.DATABASE_URL.reveal()).toBe('postgres://shop:hush@db/shop');
    expect(configuration).toMatchObject({ PORT: 8080, HOST: '127.0.0.1', LOG_LEVEL: 'info', STOP_DEADLINE_MS: 10_000 });
  });

  test('names every fault at once, and no value', () => {
    const environment = { DATABASE_URL: 'mysql://shop:hush@db/shop', LOG_LEVEL: 'loud', IDENTITY_SECRET: 'too short' };
    const read = () => readConfiguration(settings, environment);
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(/DATABASE_URL: must be a postgres:\/\/ URL/);
    expect(read).toThrow(/PORT: is not set/);
    expect(read).toThrow(/LOG_LEVEL: /);
    expect(read).toThrow(/IDENTITY_SECRET: must have at least 32 characters/);
    expect(read).not.toThrow(/hush|loud|too short/);
  });

  test.each(['-1', '65536', '80.5', ' 80', '0x50', 'http'])('refuses the port %j', (PORT) => {
    const read = () => readConfiguration({ PORT: settings.PORT }, { PORT });
    expect(read).toThrow('PORT: must be a whole number from 0 to 65535');
  });

  test('takes one key for identities, not two', () => {
    const environment = {
      DATABASE_URL: 'postgres://db/shop',
      PORT: '1',
      IDENTITY_SECRET: 'x'.repeat(32),
      IDENTITY_JWKS_URL: 'https://proxy/jwks',
    };
    expect(() => readConfiguration(settings, environment)).toThrow(
      'IDENTITY_JWKS_URL, IDENTITY_SECRET: set only one of them',
    );
  });

  test('shows a secret to nobody who does not ask for it by name', () => {
    const configuration = readConfiguration(settings, { DATABASE_URL: 'postgres://shop:hush@db/shop', PORT: '1' });
    const shown = [
      JSON.stringify(configuration),
      inspect(configuration, { depth: 9, showHidden: true }),
      format('%s %o %j', configuration.DATABASE_URL, configuration.DATABASE_URL, configuration),
      `${configuration.DATABASE_URL}`,
    ].join('\n');
    expect(shown).not.toContain('hush');
    expect(shown).toContain('[redacted]');
  });
});
