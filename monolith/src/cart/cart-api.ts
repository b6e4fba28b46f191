import { Router } from 'express';
import type { Database } from '../database.ts';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { pathId } from '../http/parameters.ts';
import { findOrOpenSession, findSession } from '../users/sessions.ts';
import { addToCart, changeCartLine, readCart, removeCartLine } from './cart.ts';

/** The visitor's cart. */
export function cartApi(database: Database): Router {
  const router = Router();

  router.get('/cart', async (request, response) => {
    response.json({ cart: await readCart(database, await findSession(database, request)) });
  });

  router.post('/cart/lines', jsonBody, async (request, response) => {
    const session = await findOrOpenSession(database, request, response);
    await addToCart(database, session, bodyOf(request));
    response.status(201).json({ cart: await readCart(database, session) });
  });

  router.patch('/cart/lines/:productId', jsonBody, async (request, response) => {
    const session = await findSession(database, request);
    await changeCartLine(database, session, pathId(request.params.productId), bodyOf(request));
    response.json({ cart: await readCart(database, session) });
  });

  router.delete('/cart/lines/:productId', async (request, response) => {
    const session = await findSession(database, request);
    await removeCartLine(database, session, pathId(request.params.productId));
    response.json({ cart: await readCart(database, session) });
  });

  return router;
}
