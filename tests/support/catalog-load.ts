/** One write that was acknowledged: a product that was created, under a sku that is used once. */
interface Created {
  readonly sku: string;
  readonly id: number;
}

/** What the load saw. */
export interface LoadReport {
  readonly requests: number;
  /** Answers that are not 2xx, and requests without an answer; the first of them in words. */
  readonly failed: number;
  readonly failures: readonly string[];
  readonly created: readonly Created[];
  /** Product -> the highest number that was written to it and acknowledged. */
  readonly numbered: ReadonlyMap<number, number>;
  /** Reads that showed a lower number than the same reader had seen before. */
  readonly backwardReads: number;
  /** Milliseconds that the slowest write took, of those that were begun since the last call of `mark`. */
  readonly slowestWriteMs: number;
}

/** Administrators who write and shoppers who read, through one or several proxies. */
export interface CatalogLoad {
  /** Starts to look for the slowest write anew. */
  mark(): void;
  report(): LoadReport;
  /** Resolves when every request has ended. */
  stop(): Promise<LoadReport>;
}

export interface LoadOptions {
  /** The proxies, as shoppers reach them; used in turn. */
  readonly shops: readonly string[];
  /** Makes skus that no other load makes. */
  readonly prefix: string;
  /** How often a product is created, whether or not the ones before have been answered. */
  readonly createEveryMs?: number;
  /** Products that are changed one change after the other, each by a writer of its own, and read meanwhile. */
  readonly products?: readonly number[];
}

const REQUEST_MS_MAX = 30_000;
const FAILURES_LISTED_MAX = 10;
const PAUSE_MS = 5;

/** Starts the load; signs in first. */
export async function startCatalogLoad(options: LoadOptions): Promise<CatalogLoad> {
  const { shops, prefix, createEveryMs = 25, products = [11, 12, 13, 14] } = options;
  const session = await signIn(shops[0] as string);
  const category = await categoryOf(shops[0] as string, 7);
  const created: Created[] = [];
  const numbered = new Map<number, number>();
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  let [requests, failed, backwardReads, slowestWriteMs, turn] = [0, 0, 0, 0, 0];
  let markedAt = 0;
  let isOver = false;

  async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown> | undefined> {
    const began = performance.now();
    requests++;
    const shop = shops[turn++ % shops.length] as string;
    try {
      const response = await fetch(shop + path, {
        method,
        headers: { cookie: session, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200)}`);
      if (method !== 'GET' && began >= markedAt) slowestWriteMs = Math.max(slowestWriteMs, performance.now() - began);
      return JSON.parse(text);
    } catch (error) {
      failed++;
      if (failures.length < FAILURES_LISTED_MAX) failures.push(`${method} ${path}: ${(error as Error).message}`);
      return undefined;
    }
  }

  function track(work: Promise<void>): void {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  }

  async function create(n: number): Promise<void> {
    const sku = `${prefix}-${n}`;
    const answer = await ask('POST', '/api/admin/products', { sku, name: `Product ${sku}`, category, price: '1.00' });
    if (answer !== undefined) created.push({ sku, id: Number(answer.id) });
  }

  async function change(product: number): Promise<void> {
    for (let n = 1; !isOver; n++) {
      const answer = await ask('PUT', `/api/admin/products/${product}`, { description: `${prefix} ${n}` });
      if (answer !== undefined) numbered.set(product, n);
      await pause();
    }
  }

  async function read(product: number): Promise<void> {
    let highest = 0;
    while (!isOver) {
      const answer = await ask('GET', `/api/products/${product}`);
      const [, number = '0'] = new RegExp(`${prefix} (\\d+)`).exec(JSON.stringify(answer ?? {})) ?? [];
      if (answer !== undefined && Number(number) < highest) backwardReads++;
      highest = Math.max(highest, Number(number));
      await pause();
    }
  }

  let n = 0;
  const timer = setInterval(() => track(create(n++)), createEveryMs);
  for (const product of products) {
    track(change(product));
    track(read(product));
  }

  const report = (): LoadReport => ({
    ...{ requests, failed, failures, created, numbered, backwardReads },
    slowestWriteMs: Math.round(slowestWriteMs),
  });
  return {
    mark() {
      markedAt = performance.now();
      slowestWriteMs = 0;
    },
    report,
    async stop() {
      isOver = true;
      clearInterval(timer);
      while (underWay.size > 0) await Promise.all(underWay);
      return report();
    },
  };
}

function pause(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, PAUSE_MS));
}

async function signIn(shop: string): Promise<string> {
  const response = await fetch(`${shop}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@shop.example', password: 'admin' }),
  });
  const cookie = response.headers.getSetCookie().find((each) => each.startsWith('shop_sid='));
  if (!response.ok || cookie === undefined) throw new Error(`cannot sign in: ${response.status}`);
  return cookie.split(';')[0] as string;
}

async function categoryOf(shop: string, product: number): Promise<string> {
  const answer = await fetch(`${shop}/api/products/${product}`);
  const found = (await answer.json()) as { product: { category: { path: string } } };
  return found.product.category.path;
}
