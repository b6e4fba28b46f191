import { afterAll, beforeAll, expect, test } from 'vitest';
import { startUnleash, type TestUnleash } from './testing.ts';

let unleash: TestUnleash;
beforeAll(async () => {
  unleash = await startUnleash();
});
afterAll(() => unleash?.stop());

function get(path: string, token: string): Promise<Response> {
  return fetch(`${unleash.url}${path}`, { headers: { authorization: token } });
}

test('the client token reads the flags of the environment development', async () => {
  const response = await get('/api/client/features', unleash.clientToken);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ features: [] });
});

test('the admin token administers, the client token does not', async () => {
  expect((await get('/api/admin/projects', unleash.adminToken)).status).toBe(200);
  expect((await get('/api/admin/projects', unleash.clientToken)).status).toBe(403);
});

test('a flag that is turned on reaches the client API within its next poll', async () => {
  const admin = (method: string, path: string, body?: unknown) =>
    fetch(`${unleash.url}/api/admin/projects/default/features${path}`, {
      method,
      headers: { authorization: unleash.adminToken, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  expect((await admin('POST', '', { name: 'shop.lamp', type: 'operational' })).status).toBe(201);
  const strategy = { name: 'flexibleRollout', parameters: { rollout: '100', stickiness: 'default', groupId: 'shop' } };
  expect((await admin('POST', '/shop.lamp/environments/development/strategies', strategy)).status).toBe(200);
  expect((await admin('POST', '/shop.lamp/environments/development/on')).status).toBe(200);
  await expect
    .poll(async () => (await get('/api/client/features', unleash.clientToken)).json(), { timeout: 10_000 })
    .toMatchObject({ features: [{ name: 'shop.lamp', enabled: true }] });
});

test('a person logs in to the flag UI with the given password', async () => {
  const response = await fetch(`${unleash.url}/auth/simple/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: unleash.user, password: unleash.password }),
  });
  expect(response.status).toBe(200);
});

test('after a sudden death it comes back on the same port with its flags', async () => {
  await unleash.kill();
  await expect(get('/health', unleash.clientToken)).rejects.toThrow();
  await unleash.restart();
  expect((await get('/api/client/features', unleash.clientToken)).status).toBe(200);
});
