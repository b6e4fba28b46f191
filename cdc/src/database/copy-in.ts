import type pg from 'pg';

/**
 * Runs `COPY ... FROM STDIN` over rows that are all there: the statement and its data go out together, and the server's
 * readiness is not waited for in between. Should it refuse the statement, it drops the data (PostgreSQL documentation,
 * "COPY Operations").
 *
 * @throws the driver's error when the server refuses the statement or a row.
 */
export function copyIn(client: pg.Client, statement: string, rows: string): Promise<void> {
  return new Promise((done, fail) => {
    const query = {
      submit(connection: CopyConnection) {
        connection.stream.cork();
        connection.query(statement);
        connection.sendCopyFromChunk(Buffer.from(rows));
        connection.endCopyFrom();
        connection.stream.uncork();
        return null;
      },
      callback: () => {},
      handleCopyInResponse: () => {},
      handleCommandComplete: () => {},
      handleReadyForQuery: () => done(),
      handleError: (error: Error) => fail(error),
    };
    client.query(query as unknown as pg.Submittable);
  });
}

/** What the driver's connection can do beside what its types tell. */
interface CopyConnection {
  readonly stream: { cork(): void; uncork(): void };
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}
