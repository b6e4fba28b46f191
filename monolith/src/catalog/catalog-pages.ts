import { Router } from 'express';
import { Prisma } from '../../generated/client.ts';
import { lastValue, likeLiteral, pathId, positiveInteger } from '../http/parameters.ts';
import { Refusal } from '../http/refusal.ts';
import { faultyForm, formBody, formOf } from '../pages/form.ts';
import { html } from '../pages/html.ts';
import { type Page, page, userOf, type Visit } from '../pages/page.ts';
import { cardTemplate, type FormState, freshForm, pagination, productGrid } from '../pages/parts.ts';
import { listReviews, writeReview } from '../reviews/reviews.ts';
import type { Shop } from '../shop.ts';
import { type CategoryNode, categoryTree } from './categories.ts';
import { categoryPage } from './category-page.ts';
import { homePage } from './home-page.ts';
import { activeProduct } from './product-detail.ts';
import { departmentImage, imageOf } from './product-image.ts';
import { findCards, inCategory, listProducts, parseListQuery } from './product-list.ts';
import { productPage } from './product-page.ts';
import { searchProducts } from './search.ts';

const { sql } = Prisma;

/** Front page, categories, search, products and their pictures. */
export function catalogPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get(
    '/',
    page(shop, async () => {
      const active = sql`p.prod_st = 1 AND i.qty_oh > i.qty_rsv`;
      const [departments, offers, loved, fresh] = await Promise.all([
        categoryTree(database),
        findCards(database, sql`${active} AND p.old_prc > p.prod_prc`, sql`p.upd_dt DESC, p.prod_id`, 1, 10),
        findCards(database, sql`${active} AND s.rvw_cnt >= 5`, sql`s.rvw_avg DESC, s.rvw_cnt DESC, p.prod_id`, 1, 10),
        findCards(database, active, sql`p.crt_dt DESC, p.prod_id`, 1, 5),
      ]);
      return { title: 'Good things', main: homePage(departments, offers.products, loved.products, fresh.products) };
    }),
  );

  router.get(
    '/c/*path',
    page(shop, async ({ request }) => {
      const category = (request.params.path as unknown as string[]).join('/');
      const trail = trailTo(await categoryTree(database), category);
      const here = trail.at(-1);
      if (!here) throw new Refusal(404, { error: 'NO_CAT' });
      const query = { ...parseListQuery(request.query), category };
      const [{ total, products }, brands] = await Promise.all([listProducts(database, query), brandsIn(category)]);
      const list = {
        heading: here.name,
        address: `/c/${category}`,
        trail,
        children: here.children,
        brands,
        query,
        total,
        products,
      };
      return { title: here.name, main: categoryPage(list) };
    }),
  );

  router.get(
    '/search',
    page(shop, async ({ request }) => {
      const q = (lastValue(request.query.q) ?? '').trim().replaceAll('\0', '');
      const number = positiveInteger(lastValue(request.query.page)) ?? 1;
      const found = await searchProducts(database, q, number);
      const address = (to: number) => `/search?${new URLSearchParams({ q, page: String(to) })}`;
      const main = html`<section class="results"><header class="results-head"><h1>${q === '' ? 'Search' : `“${q}”`}</h1>
<p>${found.hint ?? `${found.count} products`}</p></header>
${productGrid(found.hits)}${pagination(number, Math.ceil(found.count / 20), address)}</section>${cardTemplate()}`;
      return { title: q === '' ? 'Search' : q, main };
    }),
  );

  router.get(
    '/products/:id',
    page(shop, (visit) => showProduct(visit, freshForm({ stars: '5' }))),
  );

  router.post(
    '/products/:id/reviews',
    formBody,
    page(shop, async (visit) => {
      const id = pathId(visit.request.params.id);
      const values = formOf(visit.request);
      try {
        await writeReview(database, id, userOf(visit), values);
      } catch (error) {
        if (error instanceof Refusal && error.body.error === 'DUP_REVIEW') {
          return { to: `/products/${id}`, flash: 'You have reviewed this one already.' };
        }
        return { ...(await showProduct(visit, faultyForm(error, values))), status: 422 };
      }
      return { to: `/products/${id}#reviews`, flash: 'Thank you! Your review is published.' };
    }),
  );

  router.get('/images/products/:file', async (request, response) => {
    const id = pathId(/^(\d+)\.svg$/.exec(request.params.file)?.[1]);
    const svg = await imageOf(database, id);
    response.set('Cache-Control', 'public, max-age=3600').type('svg').send(svg);
  });

  router.get('/images/departments/:file', (request, response) => {
    const code = /^([a-z-]{1,40})\.svg$/.exec(request.params.file)?.[1];
    if (code === undefined) throw new Refusal(404, { error: 'NOT_FOUND' });
    response.set('Cache-Control', 'public, max-age=3600').type('svg').send(departmentImage(code));
  });

  return router;

  async function showProduct({ request, session }: Visit, form: FormState): Promise<Page> {
    const product = await activeProduct(database, pathId(request.params.id));
    const number = positiveInteger(lastValue(request.query.reviews)) ?? 1;
    const [reviews, similar] = await Promise.all([
      listReviews(database, product.id, number),
      findCards(
        database,
        sql`p.prod_st = 1 AND p.prod_id <> ${product.id} AND ${inCategory(product.category.path)} AND i.qty_oh > i.qty_rsv`,
        sql`abs(p.prod_prc - ${product.price}::numeric), p.prod_id`,
        1,
        5,
      ),
    ]);
    const user = session?.user ?? null;
    const main = productPage({ product, reviews: { ...reviews, page: number }, similar: similar.products, user, form });
    return { title: product.name, main };
  }

  async function brandsIn(category: string): Promise<{ name: string; count: number }[]> {
    const { rows } = await database.pool.query<{ name: string; count: number }>(
      `SELECT brnd_nm AS name, count(*)::integer AS count FROM prod
        WHERE prod_st = 1 AND brnd_nm IS NOT NULL AND (cat_path = $1 OR cat_path LIKE $2)
        GROUP BY brnd_nm ORDER BY brnd_nm COLLATE "C" LIMIT 200`,
      [category, `${likeLiteral(category)}/%`],
    );
    return rows;
  }
}

/** The categories from the root down to the one with this path; empty when it cannot be reached. */
function trailTo(tree: readonly CategoryNode[], path: string): CategoryNode[] {
  const next = tree.find((node) => node.path === path || path.startsWith(`${node.path}/`));
  if (!next) return [];
  if (next.path === path) return [next];
  const rest = trailTo(next.children, path);
  return rest.length === 0 ? [] : [next, ...rest];
}
