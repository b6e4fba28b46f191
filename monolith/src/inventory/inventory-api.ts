import { Router } from 'express';
import type { Database } from '../database.ts';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { pathId } from '../http/parameters.ts';
import { administratorsOnly } from '../users/sessions.ts';
import { setOnHand } from './inventory.ts';

/** Stock, for administrators. */
export function inventoryApi(database: Database): Router {
  const router = Router();

  router.patch('/admin/inventory/:productId', administratorsOnly(database), jsonBody, async (request, response) => {
    const stock = await setOnHand(database, pathId(request.params.productId), bodyOf(request));
    response.json({ ok: 1, ...stock });
  });

  return router;
}
