import type { IncomingMessage, ServerResponse } from 'node:http';
import { Registry } from 'prom-client';
import { defineMigration, read } from 'strangler-migrations/define';
import { expect, onTestFinished, test } from 'vitest';
import { createUpstreams } from '../forward/upstreams.ts';
import { startProxy, startUpstream, testFlags, until } from '../test-support/servers.ts';
import { createShadow } from './shadow.ts';

/** One product as a shop has it; `seen` changes at every look, so that there is noise. */
interface Product {
  id: number;
  name: string;
  price: string;
  available: boolean;
  created: string;
  tags: string[];
  seen: number;
}

interface Page {
  page: number;
  total: number;
  products: Product[];
}

/** An answer before it is sent, for a service to get wrong. */
interface Draft {
  status: number;
  headers: Record<string, string>;
  body: Page;
}

/** The data of both sides: the service's copy may lag behind. */
function shop() {
  const products = Array.from({ length: 50 }, (_, index) => ({
    id: index + 1,
    name: `Bread knife ${index}`,
    price: (19.95 + index).toFixed(2),
    available: index % 7 > 0,
    created: `2026-03-0${(index % 9) + 1}T23:30:00+02:00`,
    tags: ['kitchen', `batch-${index % 3}`, 'new'],
  }));
  let looks = 0;
  return {
    products,
    answer(request: IncomingMessage): Draft {
      const page = Number(new URL(request.url!, 'http://x').searchParams.get('page') ?? 1);
      const shown = products.slice((page - 1) * 10, page * 10);
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json', 'Cache-Control': 'max-age=60', 'X-Total': '50' },
        body: { page, total: 50, products: structuredClone(shown).map((product) => ({ ...product, seen: ++looks })) },
      };
    },
  };
}

function send(response: ServerResponse, { status, headers, body }: Draft): void {
  response.writeHead(status, headers).end(JSON.stringify(body));
}

const first = (change: (product: Product) => void) => (draft: Draft) => void change(draft.body.products[0]!);

/** What it gets wrong, how, and where that has to be found: nowhere else, and by this name. */
const WRONG: readonly (readonly [string, (draft: Draft, request: IncomingMessage) => void, readonly string[]])[] = [
  [
    'rounds prices',
    (draft) => {
      for (const product of draft.body.products) product.price = Math.round(Number(product.price)).toFixed(2);
    },
    ['body /products/*/price value'],
  ],
  [
    'leaves a field out',
    first((product) => delete (product as Partial<Product>).available),
    ['body /products/*/available missing'],
  ],
  ['sorts differently', (draft) => void draft.body.products.reverse(), ['body /products order']],
  [
    'is one off in its paging',
    (draft) => {
      for (const product of draft.body.products) product.id++;
    },
    ['body /products/*/id value'],
  ],
  [
    'says 404 for the last page',
    (draft, request) => {
      if (request.url?.includes('page=5')) draft.status = 404;
    },
    ['status value'],
  ],
  ['loses a header', (draft) => delete draft.headers['X-Total'], ['header x-total missing']],
  [
    'writes numbers as the locale has them',
    first((product) => {
      product.price = product.price.replace('.', ',');
    }),
    ['body /products/*/price value'],
  ],
  [
    'drops the time zone',
    first((product) => {
      product.created = product.created.slice(0, 19);
    }),
    ['body /products/*/created value'],
  ],
  [
    'gives a number for a text',
    first((product) => {
      product.price = Number(product.price) as never;
    }),
    ['body /products/*/price type'],
  ],
  [
    'forgets the last of a list',
    first((product) => product.tags.pop()),
    ['body /products/*/tags length', 'body /products/*/tags/* missing'],
  ],
];

const migration = defineMigration({ capability: 'catalog', routes: { list: read('GET /api/products') }, tables: [] });

/** A proxy whose list route is shadowed, before the shop and a service that may get something wrong. */
async function world(wrong: (draft: Draft, request: IncomingMessage) => void, caughtUp = async () => true) {
  const owner = shop();
  const monolith = await startUpstream((request, response) => send(response, owner.answer(request)));
  const service = await startUpstream((request, response) => {
    const draft = owner.answer(request);
    wrong(draft, request);
    send(response, draft);
  });
  const upstreams = createUpstreams({ monolith: monolith.url, catalog: service.url });
  const catchUp = { caughtUp };
  const shadow = createShadow({ upstreams, registry: new Registry(), catchUp, limits: { noiseShare: 1 } });
  const proxy = await startProxy({
    migrations: [migration],
    upstreams,
    shadow,
    flags: testFlags({ 'catalog.list.shadow': 'always' }),
  });
  onTestFinished(() => shadow.close());
  const compared = () => {
    const [stats] = shadow.stats().routes;
    return Object.values({ ...stats?.outcomes, ...stats?.skipped }).reduce((sum, count) => sum + count, 0);
  };
  /** One after the other, so that what is learned of one is known to the next. */
  async function ask(times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      const before = compared();
      await (await fetch(`${proxy.url}/api/products?page=${(time % 5) + 1}`)).text();
      await until(() => compared() > before);
    }
  }
  return { shadow, owner, ask, stats: () => shadow.stats().routes[0]! };
}

test.for(WRONG)('a service that %s is found, and named right, beside the noise', async ([, wrong, places]) => {
  const { ask, shadow, stats } = await world(wrong);
  await ask(30);
  const [group] = shadow.samples('catalog', 'list');
  expect(group?.places).toEqual(places);
  expect(stats().outcomes.mismatch).toBeGreaterThan(3);
  expect(stats().noise).toMatchObject([{ place: 'body /products/*/seen value', isNoise: true }]);
});

test('a service whose cache is stale is wrong, not late: its store has caught up and it has not', async () => {
  let cached: Page | undefined;
  const { ask, owner, stats, shadow } = await world((draft, request) => {
    if (!request.url?.includes('page=1')) return;
    cached ??= structuredClone(draft.body);
    draft.body = {
      ...cached,
      products: cached.products.map((product, at) => ({ ...product, seen: draft.body.products[at]!.seen })),
    };
  });
  await ask(10);
  const before = stats().outcomes.mismatch;
  owner.products[0]!.price = '1.00';
  await ask(10);
  expect(stats().outcomes.mismatch - before).toBe(2);
  expect(stats().outcomes.stale).toBe(0);
  expect(shadow.samples('catalog', 'list')[0]?.places).toEqual(['body /products/*/price value']);
});

test('a right service whose data arrives late gives no alarm while everything is written', async () => {
  // The copy lags one write behind until it is waited for.
  let copied: string | undefined;
  let writes = 0;
  const { ask, owner, stats } = await world(
    (draft) => {
      if (copied !== undefined && draft.body.page === 1) draft.body.products[0]!.price = copied;
    },
    async () => {
      copied = owner.products[0]!.price;
      return true;
    },
  );
  await ask(10);
  for (; writes < 20; writes++) {
    copied = owner.products[0]!.price;
    owner.products[0]!.price = `${writes}.00`;
    await ask(1);
  }
  expect(stats().outcomes).toMatchObject({ mismatch: 0, stale: 20 });
});

test('the right service is never suspected', async () => {
  const { ask, stats } = await world(() => {});
  await ask(30);
  const { outcomes, skipped } = stats();
  expect(outcomes.mismatch).toBe(0);
  // Until the noise is known, its field never stands still.
  expect(skipped.unsettled).toBeLessThan(5);
  expect(outcomes.ignored + skipped.unsettled).toBe(30);
});
