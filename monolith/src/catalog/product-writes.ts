import type { Database } from '../database.ts';
import { invalid, Refusal } from '../http/refusal.ts';
import { type FoundProduct, findProduct, noProduct } from './product-detail.ts';
import { type NewProduct, type ProductChanges, readProduct, withCategoryFault } from './product-input.ts';

type Body = Readonly<Record<string, unknown>>;

const DELETED = 9;

/** Creates a product and gives its id. @throws Refusal INVALID or DUP_SKU */
export async function createProduct(database: Database, body: Body): Promise<number> {
  const data = (await checkedChanges(database, body, true)) as NewProduct;
  const created = await refusingTakenSku(database.prisma.prod.create({ data, select: { prod_id: true } }));
  return created.prod_id;
}

/** Changes what the body names of a product that is not deleted. @throws Refusal INVALID, NO_PROD or DUP_SKU */
export async function updateProduct(database: Database, id: number, body: Body): Promise<FoundProduct> {
  const changes = await checkedChanges(database, body, false);
  const { count } = await refusingTakenSku(
    database.prisma.prod.updateMany({
      where: { prod_id: id, prod_st: { not: DELETED } },
      data: { ...changes, upd_dt: new Date() },
    }),
  );
  const found = count === 0 ? undefined : await findProduct(database, id);
  if (!found) throw noProduct(id);
  return found;
}

/** Marks a product as deleted; false when it was already. @throws Refusal NO_PROD */
export async function deleteProduct({ prisma }: Database, id: number): Promise<boolean> {
  const { count } = await prisma.prod.updateMany({
    where: { prod_id: id, prod_st: { not: DELETED } },
    data: { prod_st: DELETED, upd_dt: new Date() },
  });
  if (count === 1) return true;
  if ((await prisma.prod.count({ where: { prod_id: id } })) === 0) throw noProduct(id);
  return false;
}

async function checkedChanges({ prisma }: Database, body: Body, isNew: boolean): Promise<ProductChanges> {
  const { changes, faults } = readProduct(body, isNew);
  const path = changes.cat_path;
  if (path !== undefined && (await prisma.categ.count({ where: { cat_path: path } })) === 0) {
    throw invalid(withCategoryFault(faults));
  }
  if (Object.keys(faults).length > 0) throw invalid(faults);
  return changes;
}

async function refusingTakenSku<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // P2002: a unique constraint; sku has the only one of prod besides the key.
    if ((error as { code?: unknown }).code === 'P2002') throw new Refusal(409, { error: 'DUP_SKU' });
    throw error;
  }
}
