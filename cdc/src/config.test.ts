import { expect, test } from 'vitest';
import { readConfiguration } from './config.ts';

const ENV = {
  STRANGLER_MIGRATIONS: new URL('./testing/migrations', import.meta.url).pathname,
  STRANGLER_DATABASE_MONOLITH: 'postgres://a@localhost/a',
  STRANGLER_DATABASE_SERVICE: 'postgres://b@localhost/b',
};

test('an engine that lacks what it needs is said with all that is wrong, and no value is shown', async () => {
  const env = {
    ...{ ...ENV, STRANGLER_CDC_ENGINE: 'debezium', KAFKA_BROKERS: 'kafka:9092' },
    STRANGLER_CONNECT_DATABASE_MONOLITH: 'secret',
  };
  const faults = await readConfiguration(env).catch((error: Error) => error.message);
  expect(faults).toContain('CONNECT_URL is not set');
  expect(faults).toContain('STRANGLER_CONNECT_DATABASE_MONOLITH');
  expect(faults).not.toContain('KAFKA_BROKERS');
  expect(faults).not.toContain('secret');
  await expect(readConfiguration({ ...ENV, KAFKA_BROKERS: 'kafka' })).rejects.toThrow('KAFKA_BROKERS');
  await expect(readConfiguration({ ...ENV, STRANGLER_CDC_ENGINE: 'other' })).rejects.toThrow('STRANGLER_CDC_ENGINE');
});

test('a database has another URL for Kafka Connect only where that is said', async () => {
  const kafka = { STRANGLER_CDC_ENGINE: 'debezium', KAFKA_BROKERS: 'a:1,b:2', CONNECT_URL: 'http://connect:8083' };
  const inside = 'postgres://a@monolith/a';
  const { engine } = await readConfiguration({ ...ENV, ...kafka, STRANGLER_CONNECT_DATABASE_MONOLITH: inside });
  expect(engine).toEqual({
    ...{ name: 'debezium', brokers: ['a:1', 'b:2'], connectUrl: 'http://connect:8083' },
    seenByConnect: new Map([[ENV.STRANGLER_DATABASE_MONOLITH, inside]]),
  });
  expect((await readConfiguration(ENV)).engine).toEqual({ name: 'embedded' });
});
