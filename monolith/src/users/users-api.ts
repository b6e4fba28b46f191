import { Router } from 'express';
import type { Database } from '../database.ts';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { logIn } from './accounts.ts';
import { closeSession, findSession } from './sessions.ts';

/** Login, logout, and who one is. */
export function usersApi(database: Database): Router {
  const router = Router();

  router.post('/login', jsonBody, async (request, response) => {
    const user = await logIn(database, request, response, bodyOf(request));
    response.json({ ok: 1, user });
  });

  router.post('/logout', async (request, response) => {
    await closeSession(database, request, response);
    response.json({ ok: 1 });
  });

  router.get('/me', async (request, response) => {
    const session = await findSession(database, request);
    response.json({ user: session?.user ?? null });
  });

  return router;
}
