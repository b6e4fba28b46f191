import type { Answer, ContractAnswers } from '@shop/chassis';
import type { CategoryTree } from './category-tree.ts';
import type { Category, CountedCategory, Page, Product, ProductPage, ProductSummary } from './model.ts';

/**
 * The shapes of the shop's JSON API, as its clients have known them since 2009: the only file that knows them. The
 * order of members is part of the contract, as are money as text here and as a number there, "Y" and "N", and errors
 * with status 200.
 */

export const contractHeaders = { 'X-Powered-By': 'Shop/4.2', 'Cache-Control': 'no-cache' };

export const contractAnswers: ContractAnswers = {
  unauthenticated: () => ({ status: 401, body: { error: 'LOGIN' } }),
  forbidden: () => ({ status: 403, body: { error: 'FORBIDDEN' } }),
  'malformed-request': () => ({ status: 400, body: { error: 'BAD_REQUEST' } }),
  'malformed-json': () => ({ status: 400, body: { error: 'BAD_JSON' } }),
  'unsupported-media-type': () => ({ status: 400, body: { error: 'BAD_JSON' } }),
  'body-too-large': () => ({ status: 413, body: { error: 'TOO_LARGE' } }),
  'invalid-body': (problem) => ({ status: 422, body: { error: 'INVALID', fields: problem.fields } }),
};

export function listAnswer({ total, products }: ProductPage, page: Page): Answer {
  const pages = Math.ceil(total / page.size);
  return ok({ page: page.number, pages, per_page: page.size, total: String(total), products: products.map(listEntry) });
}

export function searchAnswer(text: string, page: Page, { total, products }: ProductPage): Answer {
  return ok({ q: text, page: page.number, count: total, hits: products.map(listEntry) });
}

export function searchHintAnswer(text: string): Answer {
  return ok({ q: text, page: 1, count: 0, hits: [], hint: 'type at least 2 characters' });
}

function listEntry(product: ProductSummary) {
  return {
    id: product.id,
    sku: product.sku,
    name: product.name,
    price: decimalText(product.priceCents),
    old_price: product.previousPriceCents === null ? '' : decimalText(product.previousPriceCents),
    brand: product.brand,
    category: product.categoryPath.join('/'),
    image: imagePath(product),
    stock: product.available > 0 ? 'Y' : 'N',
    rating: product.rating,
    reviews: product.reviewCount,
  };
}

export function productAnswer(product: Product, trail: readonly Category[]): Answer {
  const path = product.categoryPath.join('/');
  const own = trail.find((category) => category.path.join('/') === path);
  const named = product.attributes.filter(({ name }) => name !== undefined && name !== '');
  return ok({
    product: {
      id: product.id,
      sku: product.sku,
      name: product.name,
      description: product.description,
      brand: product.brand,
      price: product.priceCents / 100,
      old_price: product.previousPriceCents === null ? null : product.previousPriceCents / 100,
      currency: 'EUR',
      tax: product.taxClass,
      category: {
        path,
        name: own?.name ?? '',
        trail: trail.map((category) => ({ path: category.path.join('/'), name: category.name })),
      },
      attributes: Object.fromEntries(named.map(({ name, value }) => [name, value])),
      weight_g: product.weightGrams,
      image: imagePath(product),
      in_stock: product.available > 0,
      stock_qty: Math.max(0, product.available),
      rating: product.rating.toFixed(2),
      review_count: product.reviewCount,
      created: minuteText(product.createdAt),
      updated: minuteText(product.updatedAt),
    },
  });
}

export const badIdAnswer: Answer = ok({ error: 'BAD_ID' });

export function noProductAnswer(id: number): Answer {
  return { status: 404, body: { error: 'NO_PROD', msg: `product ${id} not found` } };
}

export function goneAnswer(id: number): Answer {
  return { status: 410, body: { error: 'GONE', msg: `product ${id} is no longer sold` } };
}

export function categoriesAnswer(roots: readonly CategoryTree[]): Answer {
  return ok(roots.map(categoryBranch));
}

function categoryBranch(category: CategoryTree): unknown {
  return { ...categoryHead(category), children: category.children.map(categoryBranch) };
}

export function categoryAnswer(category: CountedCategory, children: readonly Category[]): Answer {
  const shown = children.map(({ slug, name }) => ({ code: slug, name }));
  return ok({ category: { ...categoryHead(category), children: shown } });
}

function categoryHead({ slug, name, path, productCount }: CountedCategory) {
  return { code: slug, name, path: path.join('/'), count: productCount };
}

export function noCategoryAnswer(slug: string): Answer {
  return { status: 404, body: { error: 'NO_CAT', msg: `category ${slug} not found` } };
}

export function createdAnswer(id: number): Answer {
  return { status: 201, headers: { Location: `/api/products/${id}` }, body: { ok: 1, id } };
}

export function deletedAnswer(wasPresent: boolean): Answer {
  return ok({ ok: wasPresent ? 1 : 0 });
}

export const unknownCategoryFault = { category: 'must be the path of a category' };

export const takenSkuAnswer: Answer = { status: 409, body: { error: 'DUP_SKU' } };

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function imagePath({ id }: ProductSummary): string {
  return `/images/products/${id}.svg`;
}

/** 1990 cents are "19.90". */
function decimalText(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** "2024-03-05 14:22", UTC. */
function minuteText(time: Date): string {
  return time.toISOString().slice(0, 16).replace('T', ' ');
}
