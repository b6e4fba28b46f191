import express, { type Express, Router } from 'express';
import type { Logger } from 'pino';
import { cartApi } from './cart/cart-api.ts';
import { catalogApi } from './catalog/catalog-api.ts';
import type { Database } from './database.ts';
import { apiErrors, apiNotFound } from './http/api-errors.ts';
import { health } from './http/health.ts';
import { requestLog } from './http/request-log.ts';
import { sameOriginWrites } from './http/same-origin.ts';
import { inventoryApi } from './inventory/inventory-api.ts';
import { ordersApi } from './orders/orders-api.ts';
import { reviewsApi } from './reviews/reviews-api.ts';
import type { Settings } from './settings.ts';
import { usersApi } from './users/users-api.ts';

/** What every part of the shop is made of. */
export interface Shop {
  readonly database: Database;
  readonly settings: Settings;
  readonly log: Logger;
  readonly isStopping: () => boolean;
}

/** The whole shop as one Express application. */
export function createApp(shop: Shop): Express {
  const app = express();
  app.disable('x-powered-by');
  if (shop.settings.trustProxy !== '') app.set('trust proxy', shop.settings.trustProxy);
  app.use(health(shop.database, shop.isStopping));
  app.use((_request, response, next) => {
    response.set({ 'X-Powered-By': 'Shop/4.2', 'Cache-Control': 'no-cache' });
    next();
  });
  app.use(requestLog(shop.log));
  app.use('/api', api(shop));
  return app;
}

function api(shop: Shop): Router {
  const { database, log } = shop;
  const router = Router();
  router.use(sameOriginWrites);
  router.use(catalogApi(database), inventoryApi(database), reviewsApi(database));
  router.use(usersApi(database), cartApi(database), ordersApi(shop));
  router.use(apiNotFound);
  router.use(apiErrors(log));
  return router;
}
