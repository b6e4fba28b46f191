import { z } from 'zod';
import { activeProduct } from '../catalog/product-detail.ts';
import type { Database } from '../database.ts';
import { choiceField, readFields, textField, wholeNumberField } from '../http/fields.ts';
import { Refusal } from '../http/refusal.ts';
import type { User } from '../users/sessions.ts';
import { REVIEW_STATUS } from './codes.ts';

const PER_PAGE = 10;

const ReviewForm = z.object({
  stars: wholeNumberField(1, 5),
  title: textField(1, 120),
  text: textField(0, 4_000).optional().default(''),
});
const StatusForm = z.object({ status: choiceField(['published', 'hidden']) });

/** A review as customers see it. */
export interface Review {
  readonly id: number;
  readonly stars: number;
  readonly title: string;
  readonly text: string;
  readonly author: string;
  readonly created: string;
}

/** One page of a product's published reviews, newest first. */
export async function listReviews(
  { prisma }: Database,
  productId: number,
  page: number,
): Promise<{ count: number; reviews: Review[] }> {
  const where = { prod_id: productId, rvw_st: REVIEW_STATUS.code('published') };
  const [count, rows] = await Promise.all([
    prisma.rvw.count({ where }),
    prisma.rvw.findMany({
      where,
      orderBy: [{ crt_dt: 'desc' }, { rvw_id: 'desc' }],
      take: PER_PAGE,
      skip: (page - 1) * PER_PAGE,
      include: { usr: { select: { usr_nm: true } } },
    }),
  ]);
  const reviews = rows.map((row) => ({
    id: row.rvw_id,
    stars: row.strs,
    title: row.ttl,
    text: row.txt,
    author: shortName(row.usr.usr_nm),
    created: row.crt_dt.toISOString().slice(0, 10),
  }));
  return { count, reviews };
}

/** `Anna Berger` is published as `Anna B.` */
function shortName(name: string): string {
  const [first = '', ...rest] = name.split(' ');
  const last = rest.at(-1);
  return last ? `${first} ${last[0]}.` : first;
}

/** Publishes a review; a trigger brings the product's average up to date. @throws Refusal INVALID, NO_PROD, GONE or DUP_REVIEW */
export async function writeReview(database: Database, productId: number, user: User, body: unknown): Promise<number> {
  const { stars, title, text } = readFields(ReviewForm, body);
  await activeProduct(database, productId);
  try {
    const data = { prod_id: productId, usr_id: user.id, strs: stars, ttl: title, txt: text };
    return (await database.prisma.rvw.create({ data })).rvw_id;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'P2002') throw new Refusal(409, { error: 'DUP_REVIEW' });
    throw error;
  }
}

/** Hides a review or publishes it again. @throws Refusal INVALID or NO_REVIEW */
export async function changeReviewStatus({ prisma }: Database, reviewId: number, body: unknown): Promise<void> {
  const { status } = readFields(StatusForm, body);
  const { count } = await prisma.rvw.updateMany({
    where: { rvw_id: reviewId },
    data: { rvw_st: REVIEW_STATUS.code(status) },
  });
  if (count === 0) throw new Refusal(404, { error: 'NO_REVIEW' });
}

/** One page of the reviews of all products, newest first, hidden ones too, for administrators. */
export async function newestReviews({ prisma }: Database, page: number, perPage: number) {
  const [count, reviews] = await Promise.all([
    prisma.rvw.count(),
    prisma.rvw.findMany({
      orderBy: [{ crt_dt: 'desc' }, { rvw_id: 'desc' }],
      take: perPage,
      skip: (page - 1) * perPage,
      include: { usr: { select: { usr_nm: true } }, prod: { select: { prod_nm: true } } },
    }),
  ]);
  return { count, reviews };
}
