import { Router } from 'express';
import { lastValue, likeLiteral, pathId, positiveInteger } from '../http/parameters.ts';
import { invalid, Refusal } from '../http/refusal.ts';
import { setOnHand, stockOf } from '../inventory/inventory.ts';
import { adminFrame } from '../pages/admin-frame.ts';
import { faultyForm, formBody, formOf } from '../pages/form.ts';
import { type Html, html } from '../pages/html.ts';
import { administratorOf, type Page, page } from '../pages/page.ts';
import { euros, type FormState, field, freshForm, pagination } from '../pages/parts.ts';
import type { Shop } from '../shop.ts';
import { bodyFromForm, formValues, productForm } from './admin-product-form.ts';
import { PRODUCT_STATUS } from './codes.ts';
import { type FoundProduct, findProduct, noProduct } from './product-detail.ts';
import { createProduct, deleteProduct, updateProduct } from './product-writes.ts';

const PER_PAGE = 50;

interface Row {
  prod_id: number;
  sku: string;
  prod_nm: string;
  prod_prc: string;
  prod_st: number;
  cat_path: string;
  free: number;
  total: number;
}

/** Products for administrators: list, create, edit, delete, stock. Plain forms; the JSON API can do the same. */
export function adminProductPages(shop: Shop): Router {
  const { database } = shop;
  const router = Router();

  router.get('/admin', (_request, response) => response.redirect(303, '/admin/products'));

  router.get(
    '/admin/products',
    page(shop, async (visit) => {
      administratorOf(visit);
      const q = (lastValue(visit.request.query.q) ?? '').trim().replaceAll('\0', '');
      const number = positiveInteger(lastValue(visit.request.query.page)) ?? 1;
      const { rows } = await database.pool.query<Row>(
        `SELECT p.prod_id, p.sku, p.prod_nm, p.prod_prc, p.prod_st, p.cat_path,
              coalesce(i.qty_oh - i.qty_rsv, 0) AS free, (count(*) OVER ())::integer AS total
         FROM prod p LEFT JOIN inv i USING (prod_id)
        WHERE p.prod_nm ILIKE $1 OR p.sku ILIKE $1 ORDER BY p.prod_id DESC LIMIT $2 OFFSET $3`,
        [`%${likeLiteral(q)}%`, PER_PAGE, (number - 1) * PER_PAGE],
      );
      const pages = Math.ceil((rows[0]?.total ?? 0) / PER_PAGE);
      const address = (to: number) => `/admin/products?${new URLSearchParams({ q, page: String(to) })}`;
      return { title: 'Products', main: html`${listView(q, rows)}${pagination(number, pages, address)}` };
    }),
  );

  router.get(
    '/admin/products/new',
    page(shop, async (visit) => {
      administratorOf(visit);
      return newPage(freshForm({ tax: 'standard', status: 'active' }));
    }),
  );

  router.post(
    '/admin/products',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      const values = formOf(visit.request);
      try {
        const id = await createProduct(database, bodyFromForm(values, {}));
        return { to: `/admin/products/${id}`, flash: 'Created.' };
      } catch (error) {
        return { ...(await newPage(faultyForm(asFieldFault(error), values))), status: 422 };
      }
    }),
  );

  router.get(
    '/admin/products/:id',
    page(shop, async (visit) => {
      administratorOf(visit);
      const found = await editable(pathId(visit.request.params.id));
      return editPage(found, freshForm(formValues(found)));
    }),
  );

  router.post(
    '/admin/products/:id',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      const id = pathId(visit.request.params.id);
      const found = await editable(id);
      const shown = formValues(found);
      const values = formOf(visit.request);
      try {
        await updateProduct(database, id, bodyFromForm(values, shown));
      } catch (error) {
        return { ...(await editPage(found, faultyForm(asFieldFault(error), { ...shown, ...values }))), status: 422 };
      }
      return { to: `/admin/products/${id}`, flash: 'Saved.' };
    }),
  );

  router.post(
    '/admin/products/:id/stock',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      const id = pathId(visit.request.params.id);
      const found = await editable(id);
      const values = formOf(visit.request);
      try {
        await setOnHand(database, id, values);
      } catch (error) {
        const form = faultyForm(error, { ...formValues(found), ...values });
        return { ...(await editPage(found, form)), status: 422 };
      }
      return { to: `/admin/products/${id}`, flash: 'Stock saved.' };
    }),
  );

  router.post(
    '/admin/products/:id/delete',
    formBody,
    page(shop, async (visit) => {
      administratorOf(visit);
      await deleteProduct(database, pathId(visit.request.params.id));
      return { to: '/admin/products', flash: 'Deleted.' };
    }),
  );

  return router;

  async function editable(id: number): Promise<FoundProduct> {
    const found = await findProduct(database, id);
    if (!found || found.status === 'deleted') throw noProduct(id);
    return found;
  }

  async function categories(): Promise<{ path: string; name: string }[]> {
    const rows = await database.prisma.categ.findMany({ orderBy: { cat_path: 'asc' } });
    return rows.map((row) => ({ path: row.cat_path, name: row.cat_nm }));
  }

  async function newPage(form: FormState): Promise<Page> {
    const main = adminFrame(
      'products',
      html`<h1>New product</h1>${productForm(form, '/admin/products', await categories())}`,
    );
    return { title: 'New product', main };
  }

  async function editPage({ product, status }: FoundProduct, form: FormState): Promise<Page> {
    const stock = await stockOf(database, product.id);
    const stockForm = { ...form, values: { on_hand: String(stock.on_hand), ...form.values } };
    const address = `/admin/products/${product.id}`;
    const main = adminFrame(
      'products',
      html`<header class="results-head"><h1>${product.name}</h1>
${status === 'active' && html`<p><a href="/products/${product.id}">See it in the shop</a></p>`}</header>
<div class="two-columns">${productForm(form, address, await categories())}
<aside><form class="panel" method="post" action="${address}/stock"><h2>Stock</h2>
${field(stockForm, 'on_hand', 'On hand', html`inputmode="numeric"`, `${stock.reserved} of them reserved`)}
<button class="button quiet" type="submit">Save stock</button></form>
<p class="small">Created ${product.created}, changed ${product.updated} (UTC)</p>
<form method="post" action="${address}/delete" data-confirm="Delete ${product.name}?"><button class="button danger" type="submit">Delete</button></form></aside></div>`,
    );
    return { title: product.name, main };
  }
}

/** A taken article number is the fault of its field. */
function asFieldFault(error: unknown): unknown {
  const isTaken = error instanceof Refusal && error.body.error === 'DUP_SKU';
  return isTaken ? invalid({ sku: 'is taken by another product' }) : error;
}

function listView(q: string, rows: readonly Row[]): Html {
  return adminFrame(
    'products',
    html`<header class="results-head"><h1>Products</h1><p><a class="button" href="/admin/products/new">New product</a></p></header>
<form class="inline" action="/admin/products" role="search"><label class="sr-only" for="admin-q">Name or article number</label><input id="admin-q" name="q" type="search" value="${q}" placeholder="Name or article number"><button class="button quiet" type="submit">Find</button></form>
<div class="table-frame"><table><thead><tr><th>No.</th><th>Name</th><th>Category</th><th class="number">Price</th><th class="number">Free</th><th>State</th></tr></thead><tbody>${rows.map(
      (row) =>
        html`<tr><td>${row.sku}</td><td>${
          PRODUCT_STATUS.meaning(row.prod_st) === 'deleted'
            ? row.prod_nm
            : html`<a href="/admin/products/${row.prod_id}">${row.prod_nm}</a>`
        }</td><td class="small">${row.cat_path}</td><td class="number">${euros(row.prod_prc)}</td><td class="number">${row.free}</td><td><span class="state state-${PRODUCT_STATUS.meaning(row.prod_st)}">${PRODUCT_STATUS.meaning(row.prod_st)}</span></td></tr>`,
    )}</tbody></table></div>`,
  );
}
