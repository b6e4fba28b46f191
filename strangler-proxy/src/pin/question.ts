import type { Socket } from 'node:net';
import pg from 'pg';

/** One query that is asked of one database again and again, over a connection of its own. */
export interface Question<Row> {
  /** Never waits for longer than two seconds. @throws what the database, or the way to it, says. */
  ask(): Promise<readonly Row[]>;
  /** What the latest attempt failed with; undefined if it succeeded, or there was none. */
  trouble(): string | undefined;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 1_000;
const ANSWER_TIMEOUT_MS = 1_000;
/** How long a database that failed is left alone: whoever asks meanwhile is told so at once. */
const LEFT_ALONE_MS = 500;

/**
 * Prepares a question. It connects when it is asked first, and again after a failure. Each has a connection of its own,
 * so that none waits for another's answer; whoever asks waits for the answer before asking again.
 */
export function createQuestion<Row extends pg.QueryResultRow>(url: string, text: string): Question<Row> {
  let client: pg.Client | undefined;
  let trouble: string | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;

  async function connect(): Promise<pg.Client> {
    const made = new pg.Client({
      connectionString: url,
      application_name: 'strangler-proxy',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
    });
    // Lost between two questions: the next one connects again.
    made.on('error', () => forget(made));
    made.on('end', () => forget(made));
    client = made;
    await made.connect();
    return made;
  }

  function forget(lost: pg.Client): void {
    if (client === lost) client = undefined;
  }

  /** At once: an orderly end waits for the very answer that does not come. */
  function drop(): void {
    const lost = client;
    client = undefined;
    lost?.connection.stream.destroy();
  }

  return {
    async ask() {
      if (trouble !== undefined && performance.now() - failedAt < LEFT_ALONE_MS) throw new Error(trouble);
      try {
        const { rows } = await (client ?? (await connect())).query<Row>(text);
        trouble = undefined;
        return rows;
      } catch (error) {
        trouble = describe(error);
        failedAt = performance.now();
        drop();
        throw error;
      }
    },
    trouble: () => trouble,
    close() {
      const last = client;
      client = undefined;
      // Whether the server answers the goodbye is not waited for.
      (last?.connection.stream as Socket | undefined)?.unref();
      void last?.end().catch(() => {});
    },
  };
}

/** Node puts what happened at each of several addresses into a list. */
function describe(error: unknown): string {
  const { message, errors, code } = error as { message: string; errors?: readonly Error[]; code?: string };
  return message || errors?.[0]?.message || code || String(error);
}
