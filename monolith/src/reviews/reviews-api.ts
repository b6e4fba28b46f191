import { Router } from 'express';
import { activeProduct } from '../catalog/product-detail.ts';
import type { Database } from '../database.ts';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { lastValue, pathId, positiveInteger } from '../http/parameters.ts';
import { administratorsOnly, requireUser } from '../users/sessions.ts';
import { changeReviewStatus, listReviews, writeReview } from './reviews.ts';

/** What customers think. */
export function reviewsApi(database: Database): Router {
  const router = Router();

  router.get('/products/:id/reviews', async (request, response) => {
    const product = await activeProduct(database, pathId(request.params.id));
    const page = positiveInteger(lastValue(request.query.page)) ?? 1;
    response.json({ page, ...(await listReviews(database, product.id, page)) });
  });

  router.post('/products/:id/reviews', jsonBody, async (request, response) => {
    const user = await requireUser(database, request);
    const id = await writeReview(database, pathId(request.params.id), user, bodyOf(request));
    response.status(201).json({ ok: 1, id });
  });

  router.patch('/admin/reviews/:id', administratorsOnly(database), jsonBody, async (request, response) => {
    await changeReviewStatus(database, pathId(request.params.id), bodyOf(request));
    response.json({ ok: 1 });
  });

  return router;
}
