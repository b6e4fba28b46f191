import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTargets } from '../testing/read-targets.ts';
import { identity, startTestCatalog, type TestCatalog } from '../testing/test-catalog.ts';
import { SESSIONS, startTheShop, type TheShop } from '../testing/the-shop.ts';
import { WRITES } from '../testing/write-requests.ts';

let catalog: TestCatalog;
let shop: TheShop;

beforeAll(async () => {
  catalog = await startTestCatalog();
  shop = await startTheShop(catalog.sql);
});

afterAll(async () => {
  await shop?.stop();
  await catalog?.stop();
});

/** Both run the same requests on the same rows. The shop is the control: whatever it answers is right. */
describe('the catalog answers as the shop does', () => {
  test.each(Object.entries(readTargets()))('%s', async (_kind, targets) => {
    for (const target of targets) {
      const [ours, theirs] = await Promise.all([catalog.service, shop].map(({ url }) => answerOf(url, target)));
      expect(ours, target).toEqual(theirs);
    }
  });

  test('HEAD, and what a cache asks', async () => {
    for (const target of [
      '/api/products',
      '/api/products/7',
      '/api/categories',
      '/api/search?q=x',
      '/api/products/0',
    ]) {
      const { headers } = await answerOf(shop.url, target);
      for (const asked of [
        { method: 'HEAD' },
        { headers: { 'if-none-match': String(headers.etag) } },
        { headers: { 'if-none-match': `"other", ${headers.etag}` } },
        { headers: { 'if-none-match': '*' } },
        { headers: { 'if-none-match': '"other"' } },
        { headers: { 'if-none-match': String(headers.etag), 'cache-control': 'no-cache' } },
        { method: 'HEAD', headers: { 'if-none-match': String(headers.etag) } },
      ]) {
        const told = `${target} ${JSON.stringify(asked)}`;
        expect(await answerOf(catalog.service.url, target, asked), told).toEqual(
          await answerOf(shop.url, target, asked),
        );
      }
    }
  });

  test('an administrator writes', async () => {
    const sides = await asWho('admin');
    for (const [method, target, body] of WRITES) {
      const answers = await Promise.all(
        sides.map((side) => answerOf(side.url, target, { method, headers: side.headers, body })),
      );
      const [ours, theirs] = answers.map(withoutTimes);
      expect(ours, `${method} ${target} ${body}`).toEqual(theirs);
    }
  });

  test('nobody and a customer try to', async () => {
    for (const sides of [await asWho('customer'), await asWho(undefined)]) {
      for (const [method, target, body] of WRITES) {
        const [ours, theirs] = await Promise.all(
          sides.map((side) => answerOf(side.url, target, { method, headers: side.headers, body })),
        );
        expect(ours, `${method} ${target} ${body}`).toEqual(theirs);
      }
    }
  });
});

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | undefined;
}

/** The part of an answer that the contract is about. */
async function answerOf(url: string, target: string, asked: Asked = {}) {
  const { host } = new URL(url);
  const [hostname, port] = host.split(':');
  const headers = { ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }), ...asked.headers };
  const request = httpRequest({ hostname, port, path: target, method: asked.method ?? 'GET', headers });
  request.end(asked.body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  const {
    etag,
    location,
    'content-type': type,
    'cache-control': caching,
    'x-powered-by': poweredBy,
  } = response.headers;
  const length = response.headers['content-length'];
  return { status: response.statusCode, text, headers: { etag, location, type, caching, poweredBy, length } };
}

type Compared = Awaited<ReturnType<typeof answerOf>>;

/** Two writes are not done at the same moment: what names the moment is left out, and the tag made from it. */
function withoutTimes({ status, text, headers }: Compared) {
  return {
    status,
    text: text.replaceAll(/"(created|updated)":"[^"]*"/g, '"$1":""'),
    headers: { ...headers, etag: headers.etag?.slice(0, 3) },
  };
}

/** The same asker, as each side knows him. */
async function asWho(role: keyof typeof SESSIONS | undefined) {
  return [
    { url: catalog.service.url, headers: role === undefined ? {} : await identity(role) },
    { url: shop.url, headers: role === undefined ? {} : { cookie: `shop_sid=${SESSIONS[role]}` } },
  ] as const;
}
