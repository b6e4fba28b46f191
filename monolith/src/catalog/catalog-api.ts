import { Router } from 'express';
import type { Database } from '../database.ts';
import { bodyOf, jsonBody } from '../http/json-body.ts';
import { lastValue, pathId, positiveInteger } from '../http/parameters.ts';
import { administratorsOnly } from '../users/sessions.ts';
import { categoryTree, oneCategory } from './categories.ts';
import { activeProduct } from './product-detail.ts';
import { listProducts, parseListQuery } from './product-list.ts';
import { createProduct, deleteProduct, updateProduct } from './product-writes.ts';
import { searchProducts } from './search.ts';

/** The catalog's part of the JSON API; API.md says what each answers. */
export function catalogApi(database: Database): Router {
  const router = Router();

  router.get('/products', async (request, response) => {
    const query = parseListQuery(request.query);
    const { total, products } = await listProducts(database, query);
    const pages = Math.ceil(total / query.perPage);
    response.json({ page: query.page, pages, per_page: query.perPage, total: String(total), products });
  });

  router.get('/products/:id', async (request, response) => {
    response.json({ product: await activeProduct(database, pathId(request.params.id)) });
  });

  router.get('/search', async (request, response) => {
    const q = (lastValue(request.query.q) ?? '').trim();
    const page = positiveInteger(lastValue(request.query.page)) ?? 1;
    response.json(await searchProducts(database, q.includes('\0') ? '' : q, page));
  });

  router.get('/categories', async (_request, response) => {
    response.json(await categoryTree(database));
  });

  router.get('/categories/:code', async (request, response) => {
    response.json(await oneCategory(database, request.params.code));
  });

  router.use('/admin/products', administratorsOnly(database));
  router.param('id', (_request, _response, next, id) => {
    pathId(id);
    next();
  });

  router.post('/admin/products', jsonBody, async (request, response) => {
    const id = await createProduct(database, bodyOf(request));
    response.status(201).location(`/api/products/${id}`).json({ ok: 1, id });
  });

  router.put('/admin/products/:id', jsonBody, async (request, response) => {
    const { product } = await updateProduct(database, pathId(request.params.id), bodyOf(request));
    response.json({ product });
  });

  router.delete('/admin/products/:id', async (request, response) => {
    const marked = await deleteProduct(database, pathId(request.params.id));
    response.json({ ok: marked ? 1 : 0 });
  });

  return router;
}
