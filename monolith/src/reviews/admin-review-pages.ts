import { Router } from 'express';
import { lastValue, pathId, positiveInteger } from '../http/parameters.ts';
import { adminFrame } from '../pages/admin-frame.ts';
import { formBody, formOf } from '../pages/form.ts';
import { html } from '../pages/html.ts';
import { administratorOf, page } from '../pages/page.ts';
import { day, pagination, stars } from '../pages/parts.ts';
import type { Shop } from '../shop.ts';
import { REVIEW_STATUS } from './codes.ts';
import { changeReviewStatus, newestReviews } from './reviews.ts';

const PER_PAGE = 30;

/** Reviews for administrators: the newest first, to hide those that should not stand. */
export function adminReviewPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get(
    '/admin/reviews',
    page(shop, async (visit) => {
      administratorOf(visit);
      const number = positiveInteger(lastValue(visit.request.query.page)) ?? 1;
      const { count, reviews } = await newestReviews(database, number, PER_PAGE);
      const main = adminFrame(
        'reviews',
        html`<header class="results-head"><h1>Reviews</h1><p>${count}</p></header>
<div class="table-frame"><table><thead><tr><th>Written</th><th>Product</th><th>Review</th><th>State</th><th></th></tr></thead><tbody>${reviews.map(
          (review) => {
            const status = REVIEW_STATUS.meaning(review.rvw_st);
            return html`<tr><td>${day(review.crt_dt.toISOString())}<br><span class="small">${review.usr.usr_nm}</span></td>
<td><a href="/products/${review.prod_id}">${review.prod.prod_nm}</a></td><td>${stars(review.strs)} <b>${review.ttl}</b><br><span class="small">${review.txt}</span></td>
<td><span class="state state-${status}">${status}</span></td>
<td><form method="post" action="/admin/reviews/${review.rvw_id}"><input type="hidden" name="page" value="${number}"><button class="button quiet" name="status" value="${status === 'hidden' ? 'published' : 'hidden'}">${status === 'hidden' ? 'Publish' : 'Hide'}</button></form></td></tr>`;
          },
        )}</tbody></table></div>${pagination(number, Math.ceil(count / PER_PAGE), (to) => `/admin/reviews?page=${to}`)}`,
      );
      return { title: 'Reviews', main };
    }),
  );

  router.post(
    '/admin/reviews/:id',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      const values = formOf(visit.request);
      await changeReviewStatus(database, pathId(visit.request.params.id), values);
      return { to: `/admin/reviews?page=${positiveInteger(values.page) ?? 1}`, flash: 'Done.' };
    }),
  );

  return router;
}
