import { Router } from 'express';
import type { Database } from '../database.ts';

/** `/livez` says that the process answers, `/readyz` that it can serve: its database answers, and it is not stopping. */
export function health({ pool }: Database, isStopping: () => boolean): Router {
  const router = Router();
  router.get('/livez', (_request, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/readyz', async (_request, response) => {
    const reasons = isStopping()
      ? ['stopping']
      : await pool.query('SELECT 1 FROM prod LIMIT 1').then(() => [], databaseReason);
    response
      .status(reasons.length === 0 ? 200 : 503)
      .json({ status: reasons.length === 0 ? 'ok' : 'unready', reasons });
  });
  return router;
}

function databaseReason(error: Error & { code?: string }): string[] {
  if (error.code === '42P01') return ['the database has no tables: run "node src/migrate.ts"'];
  return [`the database does not answer: ${error.message || error.code || 'no connection'}`];
}
