import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { gzipSync } from 'node:zlib';
import { defineMigration, ignore, read, write } from 'strangler-migrations/define';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareRequests, get, head, send, sides, sidesMatchers } from './testing.ts';

expect.extend(sidesMatchers);

async function start(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (body: (target: string) => unknown): RequestListener =>
  (request, response) => {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body(request.url ?? '')));
  };

const migration = defineMigration({
  capability: 'catalog',
  routes: {
    list: read('GET /api/products', { compare: [ignore('/took', 'Time taken')] }),
    product: read('GET /api/products/:id'),
    create: write('POST /api/products'),
  },
  tables: [],
});

describe('both sides', () => {
  it('match where they differ only as the rules of the matched route allow', async () => {
    const control = await start(json(() => ({ took: 1 })));
    const candidate = await start(json(() => ({ took: 2 })));
    const both = sides({ control, candidate, migration });
    expect((await both(get('/api/products?page=2'))).comparison.outcome).toBe('ignored');
    expect(await both(get('/api/products?page=2'))).toMatchSides();
    expect(await both(get('/api/products/7'))).not.toMatchSides();
    expect(await sides({ control, candidate, rules: [] })(get('/any'))).not.toMatchSides();
  });

  it('refuse a request that no route of the migration says how to compare', async () => {
    const url = await start(json(() => 1));
    const both = sides({ control: url, candidate: url, migration });
    await expect(both(get('/api/prodcts'))).rejects.toThrow(
      /no route of the migration catalog[\s\S]*GET \/api\/products/,
    );
  });

  it('get the request as it is written, with one Host, and no redirect is followed', async () => {
    const seen: unknown[] = [];
    const listener: RequestListener = (request, response) => {
      const { method, url, headers } = request;
      request.setEncoding('utf8');
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        seen.push({ method, url, host: headers.host, type: headers['content-type'], session: headers.cookie, body });
        response.writeHead(302, { Location: '/elsewhere' }).end();
      });
    };
    const [control, candidate] = [await start(listener), await start(listener)];
    const both = sides({ control, candidate, rules: [], headers: { Cookie: 'sid=1' } });
    const result = await both(send('POST', '/a/%2F..//b?x=%zz&x', { name: 'Pan' }));
    expect(result.comparison.outcome).toBe('match');
    expect(result.control?.status).toBe(302);
    const asked = { method: 'POST', url: '/a/%2F..//b?x=%zz&x', host: new URL(control).host, type: 'application/json' };
    expect(seen).toEqual(Array(2).fill({ ...asked, session: 'sid=1', body: '{"name":"Pan"}' }));
  });

  it('are decoded before they are compared, and HEAD has no body', async () => {
    const control = await start(json(() => ({ a: 1 })));
    const candidate = await start((request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
      response.end(request.method === 'HEAD' ? undefined : gzipSync('{ "a": 1 }'));
    });
    const both = sides({ control, candidate, rules: [] });
    expect(await both(get('/'))).toMatchSides();
    expect(await both(head('/'))).toMatchSides();
  });

  it('give an error, and no exception, when one does not answer', async () => {
    const control = await start(json(() => 1));
    const candidate = await start(() => {});
    const slow = await sides({ control, candidate, rules: [], timeoutMs: 1_000 })(get('/'));
    expect(slow.comparison).toMatchObject({
      outcome: 'error',
      error: `the candidate at ${candidate} did not answer: no whole answer within 1000 ms`,
    });
    expect(slow).not.toMatchSides();
    expect(() => sides({ control, candidate: 'localhost:80' })).toThrow(/candidate is "localhost:80"; it has to be/);
  });

  it('are compared for a list of requests, in its order, and each failure names its request', async () => {
    const control = await start(json((target) => ({ target })));
    const candidate = await start(json((target) => ({ target: target.replace('3', 'three') })));
    const both = sides({ control, candidate, rules: [] });
    const report = await compareRequests(
      both,
      [1, 2, 3, 4, 5].map((page) => get(`/api/products?page=${page}`)),
    );
    expect(report.outcomes).toEqual({ match: 4, mismatch: 1, ignored: 0, stale: 0, error: 0 });
    expect(report.results.map(({ request }) => request.target.at(-1)).join('')).toBe('12345');
    const { pass, message } = sidesMatchers.toMatchSides(report);
    expect(pass).toBe(false);
    expect(stripVTControlCharacters(message())).toBe(
      [
        '1 of 5 requests: the sides do not give the same answer',
        '',
        'GET /api/products?page=3',
        `  control    ${control}  200`,
        `  candidate  ${candidate}  200`,
        'mismatch: 1 difference',
        '',
        '  body /target differs',
        '    - control    "/api/products?page=3"',
        '    + candidate  "/api/products?page=three"',
      ].join('\n'),
    );
  });
});

describe('docs/how-to/compare-in-your-tests.md', () => {
  it('has an example that runs, and fails with the output that it shows', { timeout: 60_000 }, async () => {
    const root = join(import.meta.dirname, '../..');
    const page = await readFile(join(root, 'docs/how-to/compare-in-your-tests.md'), 'utf8');
    const block = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
    const products = (price: string) =>
      json((target) => (target.includes('page=1') ? { page: 1 } : { page: 2, products: [{ id: 25, price }] }));
    const [control, candidate] = [await start(products('19.90')), await start(products('19.9'))];

    const folder = await mkdtemp(join(import.meta.dirname, 'example-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    // Not *.test.ts: another run of all tests must not find it.
    const config = "export default { test: { include: ['*.example.ts'] } };\n";
    await writeFile(join(folder, 'vitest.config.ts'), config);
    await writeFile(join(folder, 'catalog.example.ts'), block('ts'));
    const output = await runVitest(root, folder, { CONTROL_URL: control, CANDIDATE_URL: candidate });

    expect(output).toMatch(/1 failed \| 2 passed/);
    const shown = block('text')
      .replace(/http:\/\/\S+/g, '')
      .trim()
      .split('\n');
    const written = output
      .replace(/http:\/\/\S+/g, '')
      .split('\n')
      .map((line) => line.trimEnd());
    for (const line of shown) {
      expect(
        written.some((one) => one.includes(line.trim())),
        line,
      ).toBe(true);
    }
  });

  async function runVitest(root: string, folder: string, environment: Record<string, string>): Promise<string> {
    const { VITEST: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder], {
      cwd: folder,
      env: { ...inherited, ...environment, NO_COLOR: '1' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    await once(child, 'close');
    return stripVTControlCharacters(output);
  }
});
