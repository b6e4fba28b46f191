import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HELP, readConfig } from './config.ts';
import { createHold } from './decide/hold.ts';
import { MONOLITH_OWNS_ALL } from './decide/ownership.ts';
import { createUpstreams } from './forward/upstreams.ts';
import { createIdentity, type IdentityOptions } from './identity/index.ts';
import { SILENT } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { createPins } from './pin/index.ts';
import type { Generations } from './reload/generations.ts';
import { createReload } from './reload/reload.ts';
import { SETTINGS } from './upstream-config.ts';

const reference = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
const firstCells = (pattern: RegExp) => [...reference.matchAll(pattern)].map(([, name]) => name).sort();

test('the reference has every setting of an upstream, and no other', () => {
  const written = firstCells(/^\| `([a-z-]+)` \| `[a-zA-Z]+` \|/gm);
  expect(written).toEqual(SETTINGS.map(({ name }) => name).sort());
  for (const { name, option } of SETTINGS) expect(reference).toContain(`| \`${name}\` | \`${option}\` |`);
  for (const { name } of SETTINGS) expect(HELP).toContain(`  ${name} `);
});

test('the reference has every metric, and no other', async () => {
  const metrics = createMetrics();
  const upstreams = createUpstreams({ monolith: 'http://127.0.0.1:1' });
  const owners = { capabilities: [], ownership: MONOLITH_OWNS_ALL, hold: createHold() };
  metrics.watch({ upstreams, ...owners, flagState: () => 'none' });
  const told = { config: readConfig([], { STRANGLER_UPSTREAM_MONOLITH: 'http://127.0.0.1:1' }), capabilities: [] };
  const generations = {} as Generations;
  const nothing = () => expect.fail('nothing is reloaded');
  createReload({ ...told, generations, registry: metrics.registry, logger: SILENT, read: nothing, open: nothing });
  createPins({ migrations: [], databases: {}, keys: ['x'], registry: metrics.registry });
  createIdentity({ registry: metrics.registry, declaration: { session: { cookie: 'x' } } } as IdentityOptions);
  const registered = metrics.registry.getMetricsAsArray().map(({ name }) => name);
  const written = new Set(reference.match(/strangler_proxy_[a-z_]+/g));
  expect([...written].sort()).toEqual(registered.sort());
});
