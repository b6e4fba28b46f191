import { describe, expect, test } from 'vitest';
import { createReadiness } from './health.ts';

const running = () => false;

describe('readiness', () => {
  test('is there when every check passes', async () => {
    const readiness = createReadiness({ database: async () => {} }, running);
    expect(await readiness()).toEqual({ ready: true, checks: { database: 'ok', process: 'ok' } });
  });

  test('is gone, with the reason, when one fails', async () => {
    const failing = () => Promise.reject(new Error('connection refused'));
    const readiness = createReadiness({ database: failing, disk: async () => {} }, running);
    expect(await readiness()).toEqual({
      ready: false,
      checks: { database: 'connection refused', disk: 'ok', process: 'ok' },
    });
  });

  test('is gone once the process is stopping', async () => {
    const readiness = createReadiness({}, () => true);
    expect(await readiness()).toEqual({ ready: false, checks: { process: 'stopping' } });
  });

  test('does not wait for a check that never ends', async () => {
    const readiness = createReadiness({ database: () => new Promise(() => {}) }, running);
    expect((await readiness()).checks.database).toBe('no answer within 2 s');
  });

  test('is looked at once however many ask at the same time', async () => {
    let looked = 0;
    const readiness = createReadiness({ database: async () => void looked++ }, running);
    await Promise.all([readiness(), readiness(), readiness()]);
    expect(looked).toBe(1);
    await readiness();
    expect(looked).toBe(2);
  });
});
