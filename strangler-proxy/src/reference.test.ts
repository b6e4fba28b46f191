import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { type AccessEntry, createAccessLog } from './access-log.ts';
import { HELP, readConfig } from './config.ts';
import { createHold } from './decide/hold.ts';
import { MONOLITH_OWNS_ALL } from './decide/ownership.ts';
import { PROBLEMS, type Problem } from './errors.ts';
import { NOT_PASSED_ON as NOT_PASSED_BACK } from './forward/answer-head.ts';
import { NOT_PASSED_ON } from './forward/request-head.ts';
import { createUpstreams } from './forward/upstreams.ts';
import { createIdentity, type IdentityOptions } from './identity/index.ts';
import { SILENT } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { createPins } from './pin/index.ts';
import type { Generations } from './reload/generations.ts';
import { createReload } from './reload/reload.ts';
import { createShadow } from './shadow/index.ts';
import { catalog, sendRaw, splitAnswer, startProxy, startUpstream, testFlags } from './test-support/servers.ts';
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

const tables = await readFile(join(import.meta.dirname, '../../docs/reference/proxy.md'), 'utf8');

/** The cells of each row of the table under a heading, without their marks. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = tables.split(`\n## ${heading}\n`);
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.replaceAll('`', '').replaceAll('\\|', '|').trim()),
  );
}

test('the reference has every option and variable, and no other', () => {
  const lines = HELP.slice(HELP.indexOf('Options, with'), HELP.indexOf('Settings of an upstream')).split('\n').slice(1);
  const said = lines.filter(Boolean).map((line) => [line.slice(2, 28).trim(), line.slice(28, 56).trim()]);
  expect(
    rowsOf('Options')
      .map((cells) => cells.slice(0, 2))
      .sort(),
  ).toEqual(said.sort());
});

test('the reference has every code with its status, title and error type, and no other', () => {
  const codes = Object.entries<Problem>(PROBLEMS).map(([code, { status, title, proxyError }]) => [
    code,
    String(status),
    title,
    proxyError ?? '',
  ]);
  expect(rowsOf('Codes')).toEqual(codes);
});

test('the reference has every key of the access log, and no other', () => {
  let line = '';
  const out = new Writable({
    write(chunk, _encoding, done) {
      line += chunk;
      done();
    },
  });
  const entry: AccessEntry = {
    ...{ requestId: 'a"b', method: 'GET', path: '/"\n', route: 'undeclared', upstream: 'monolith', side: 'monolith' },
    ...{
      why: 'undeclared',
      status: 200,
      durationMs: 1,
      upstreamMs: 1,
      fallback: 'upstream-5xx',
      failure: 'answer-cut',
    },
  };
  const log = createAccessLog(out);
  log.write(entry);
  log.flush();
  const keys = rowsOf('The access log').flatMap(([cell = '']) => cell.split(', '));
  expect(Object.keys(JSON.parse(line))).toEqual(keys);
});

test('the reference has every metric of shadows, and no other', () => {
  const registry = new Registry();
  createShadow({ upstreams: createUpstreams({ monolith: 'http://127.0.0.1:1' }), registry });
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  expect(
    rowsOf('Metrics of shadows')
      .map(([name]) => name)
      .sort(),
  ).toEqual(names.sort());
});

test('the reference has every field of a request that is changed or added, and no other', async () => {
  let got: string[] = [];
  const upstream = await startUpstream((request, response) => {
    got = request.rawHeaders;
    response.end();
  });
  const proxy = await startProxy({ upstreams: { monolith: upstream.url } });
  const rows = rowsOf('Fields of requests').map(([cell = '', what = '']) => [cell.split(',')[0]!, what] as const);
  // Each in a request of its own, as the client's own, in one that says nothing else.
  for (const [name, what] of rows) {
    if (
      /^(?:Host|Cookie|Content-Length|Connection|Transfer-Encoding|Expect|Max-Forwards|tracestate|Upgrade)$/.test(name)
    )
      continue;
    const sent = name.replace('*', 'Anything');
    await sendRaw(proxy.port, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${sent}: the-clients\r\n\r\n`);
    const values = got.filter((_, i) => i % 2 === 1 && got[i - 1]?.toLowerCase() === sent.toLowerCase());
    if (/^dropped/.test(what)) expect(values, name).toEqual([]);
    else expect(values.at(-1), name).not.toBe(name === 'X-Request-Id' ? undefined : 'the-clients');
  }
  const written = new Set(rows.map(([name]) => name.toLowerCase()));
  for (const name of NOT_PASSED_ON) expect(written, 'dropped by the code').toContain(name);
  await sendRaw(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const added = got.filter((_, i) => i % 2 === 0).filter((name) => !/^(?:host|connection)$/i.test(name));
  const documented = rows.filter(([, what]) => what.startsWith('added')).map(([name]) => name);
  expect(added.sort()).toEqual(documented.sort());
});

test('the reference has every field of an answer that is changed or added, and no other', async () => {
  const names = rowsOf('Fields of answers').map(([cell = '']) => cell.split(',')[0]!.toLowerCase());
  for (const name of NOT_PASSED_BACK) expect(names, 'dropped by the code').toContain(name);
  const upstream = await startUpstream((_request, response) => response.end());
  const flags = testFlags({ 'catalog.item.serve': () => false });
  const proxy = await startProxy({
    migrations: [catalog],
    upstreams: { monolith: upstream.url, catalog: upstream.url },
    flags,
  });
  const added = new Set<string>();
  for (const path of ['/items/7', '/nobody']) {
    const [direct, proxied] = await Promise.all([fetch(upstream.url + path), fetch(proxy.url + path)]);
    for (const name of proxied.headers.keys()) if (!direct.headers.has(name)) added.add(name);
  }
  const refused = await sendRaw(proxy.port, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
  for (const field of splitAnswer(refused.received).fields) added.add(field.split(':')[0]!.toLowerCase());
  // Those of any answer of any server.
  for (const name of ['content-type', 'content-length', 'cache-control', 'date', 'connection']) added.delete(name);
  for (const name of added) expect(names).toContain(name);
  for (const name of ['via', 'x-served-by', 'set-cookie', 'proxy-status']) expect([...added]).toContain(name);
});
