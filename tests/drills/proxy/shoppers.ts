/** People who use the monolith, and do not care what happens to a service. */
export interface Shoppers {
  readonly requests: number;
  /** What failed, the last of them only; `failedCount` counts all. */
  readonly failed: readonly string[];
  readonly failedCount: number;
  /** Ids of the writes that were answered well. */
  readonly written: readonly string[];
  /** Lets what is under way end. */
  stop(): Promise<void>;
}

const SHOPPERS = 4;
const PAUSE_MS = 10;
const PATIENCE_MS = 10_000;
const FAILURES_KEPT_MAX = 3;

let writes = 0;

/**
 * Asks for a page of the monolith, for one that the service may serve, and writes, again and again.
 *
 * @param does what they do: an instance that is killed takes the answers to writes with it, which nobody can repeat
 */
export function startShoppers(url: string, does: 'read' | 'read and write' = 'read and write'): Shoppers {
  const failed: string[] = [];
  const written: string[] = [];
  let requests = 0;
  let failedCount = 0;
  let isOver = false;

  async function ask(method: 'GET' | 'POST', target: string, body?: string): Promise<boolean> {
    requests++;
    try {
      const answer = await fetch(url + target, {
        method,
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.text();
      if (answer.status === 200 && text.endsWith(` ${method} ${target}`)) return true;
      note(`${method} ${target}: ${answer.status} ${text.slice(0, 200)}`);
    } catch (error) {
      const { message, cause } = error as Error;
      note(`${method} ${target}: ${message} ${cause ?? ''}`);
    }
    return false;
  }

  function note(what: string): void {
    failedCount++;
    failed.push(what);
    if (failed.length > FAILURES_KEPT_MAX) failed.shift();
  }

  async function shop(): Promise<void> {
    while (!isOver) {
      await ask('GET', '/page');
      await ask('GET', '/items/7');
      const id = `write-${++writes}`;
      if (does === 'read and write' && (await ask('POST', '/items', id))) written.push(id);
      await new Promise((wake) => setTimeout(wake, PAUSE_MS));
    }
  }

  const shopping = Promise.all(Array.from({ length: SHOPPERS }, shop));
  return {
    get requests() {
      return requests;
    },
    get failedCount() {
      return failedCount;
    },
    failed,
    written,
    async stop() {
      isOver = true;
      await shopping;
    },
  };
}
