/**
 * Runs one statement and gives its rows: all that this package asks of a database client. With `pg`:
 * `(sql, values) => client.query(sql, [...values]).then((result) => result.rows)`.
 */
export type Query = (sql: string, values: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>;
