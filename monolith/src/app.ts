import { fileURLToPath } from 'node:url';
import express, { type Express, Router } from 'express';
import { cartApi } from './cart/cart-api.ts';
import { cartPages } from './cart/cart-pages.ts';
import { adminProductPages } from './catalog/admin-product-pages.ts';
import { catalogApi } from './catalog/catalog-api.ts';
import { catalogPages } from './catalog/catalog-pages.ts';
import { apiErrors, apiNotFound } from './http/api-errors.ts';
import { health } from './http/health.ts';
import { requestLog } from './http/request-log.ts';
import { sameOriginWrites } from './http/same-origin.ts';
import { inventoryApi } from './inventory/inventory-api.ts';
import { adminOrderPages } from './orders/admin-order-pages.ts';
import { orderPages } from './orders/order-pages.ts';
import { ordersApi } from './orders/orders-api.ts';
import { pageErrors, pageNotFound } from './pages/page.ts';
import { adminReviewPages } from './reviews/admin-review-pages.ts';
import { reviewsApi } from './reviews/reviews-api.ts';
import type { Shop } from './shop.ts';
import { userPages } from './users/user-pages.ts';
import { usersApi } from './users/users-api.ts';

const ASSETS = fileURLToPath(new URL('../public', import.meta.url));

/** Scripts, styles and pictures come from the shop itself, and nobody may put it into a frame. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** The whole shop as one Express application. */
export function createApp(shop: Shop): Express {
  const app = express();
  app.disable('x-powered-by');
  if (shop.settings.trustProxy !== '') app.set('trust proxy', shop.settings.trustProxy);
  app.use('/assets', express.static(ASSETS, { index: false, maxAge: '10m' }));
  app.use(health(shop.database, shop.isStopping));
  app.use((_request, response, next) => {
    response.set({ 'X-Powered-By': 'Shop/4.2', 'Cache-Control': 'no-cache' });
    next();
  });
  app.use(requestLog(shop.log));
  app.use('/api', api(shop));
  app.use(pages(shop));
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

function pages(shop: Shop): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.set({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'X-Content-Type-Options': 'nosniff' });
    next();
  });
  router.use(sameOriginWrites);
  router.use(catalogPages(shop), cartPages(shop), orderPages(shop), userPages(shop));
  router.use(adminProductPages(shop), adminOrderPages(shop), adminReviewPages(shop));
  router.use(pageNotFound);
  router.use(pageErrors(shop));
  return router;
}
