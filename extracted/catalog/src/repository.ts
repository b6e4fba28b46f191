import { Prisma, type PrismaClient } from '../generated/client.ts';
import type {
  Attribute,
  Category,
  CountedCategory,
  Page,
  Product,
  ProductFilter,
  ProductPage,
  ProductValues,
  SortOrder,
} from './model.ts';

/** The sku belongs to another product, deleted ones included. */
export class SkuTaken extends Error {
  override readonly name = 'SkuTaken';
}

/** All that the service asks of its database. */
export interface Repository {
  listProducts(filter: ProductFilter, sort: SortOrder, page: Page): Promise<ProductPage>;
  /** Active products that have the text in name, description, brand or sku; those whose name begins with it first. */
  searchProducts(text: string, page: Page): Promise<ProductPage>;
  findProduct(id: number): Promise<Product | undefined>;
  /** The active ones among the categories on the way down to `path`, from the root. */
  findTrail(path: readonly string[]): Promise<Category[]>;
  /** All active categories, in the order in which siblings are shown. */
  listCategories(): Promise<CountedCategory[]>;
  /** @throws {SkuTaken} */
  createProduct(values: ProductValues): Promise<number>;
  /** Changes what is given; false when there is no such product or it is deleted. @throws {SkuTaken} */
  updateProduct(id: number, values: Partial<ProductValues>): Promise<boolean>;
  /** Marks a product as deleted, and tells what it was before. */
  deleteProduct(id: number): Promise<'present' | 'deleted' | 'unknown'>;
  /** Whether there is a category of this path, active or not. */
  hasCategory(path: readonly string[]): Promise<boolean>;
}

/** The repository on a PostgreSQL database with the service's schema. */
export function createRepository(prisma: PrismaClient): Repository {
  return {
    listProducts: (filter, sort, page) => selectPage(prisma, filterCondition(filter), SORT[sort], page),
    searchProducts: (text, page) => {
      const fields = [Prisma.sql`p.name`, Prisma.sql`p.description`, Prisma.sql`p.brand`, Prisma.sql`p.sku`];
      const begins = Prisma.sql`name ILIKE ${`${escapeLike(text)}%`}`;
      return selectPage(prisma, contains(fields, text), Prisma.sql`${begins} DESC, ${BY_NAME}`, page);
    },
    findProduct: (id) => findProduct(prisma, id),
    findTrail: (path) => findTrail(prisma, path),
    listCategories: () => listCategories(prisma),
    createProduct: async (values) => {
      const { id } = await prisma.product.create({ data: columns(values), select: { id: true } }).catch(refuseTakenSku);
      return id;
    },
    updateProduct: async (id, values) => {
      const where = { id, status: { not: 'deleted' } } as const;
      const { count } = await prisma.product.updateMany({ where, data: columns(values) }).catch(refuseTakenSku);
      return count > 0;
    },
    deleteProduct: async (id) => {
      const where = { id, status: { not: 'deleted' } } as const;
      const { count } = await prisma.product.updateMany({ where, data: { status: 'deleted' } });
      if (count > 0) return 'present';
      return (await prisma.product.count({ where: { id } })) > 0 ? 'deleted' : 'unknown';
    },
    hasCategory: async (path) => (await prisma.category.count({ where: { path: { equals: [...path] } } })) > 0,
  };
}

/** By code points, whatever the database's own collation is. */
const BY_NAME = Prisma.sql`name COLLATE "C", id`;

const SORT: Readonly<Record<SortOrder, Prisma.Sql>> = {
  name: BY_NAME,
  price: Prisma.sql`"priceCents", id`,
  '-price': Prisma.sql`"priceCents" DESC, id`,
  rating: Prisma.sql`rating DESC, "reviewCount" DESC, id`,
  newest: Prisma.sql`created_at DESC, id`,
};

function filterCondition(filter: ProductFilter): Prisma.Sql {
  const { categoryPath, text, brand, minimumCents, maximumCents, inStockOnly } = filter;
  const conditions = [Prisma.sql`true`];
  if (categoryPath !== undefined) {
    // The containment is what the index can answer; the slice says that it is the beginning of the path.
    conditions.push(Prisma.sql`p.category_path @> ${categoryPath}::text[]
      AND p.category_path[1:${categoryPath.length}] = ${categoryPath}::text[]`);
  }
  if (text !== undefined) {
    conditions.push(contains([Prisma.sql`p.name`, Prisma.sql`p.brand`, Prisma.sql`p.sku`], text));
  }
  if (brand !== undefined) conditions.push(Prisma.sql`p.brand = ${brand}`);
  if (minimumCents !== undefined) conditions.push(Prisma.sql`p.price_cents >= ${minimumCents}::bigint`);
  if (maximumCents !== undefined) conditions.push(Prisma.sql`p.price_cents <= ${maximumCents}::bigint`);
  if (inStockOnly) conditions.push(Prisma.sql`s.on_hand - s.reserved > 0`);
  return Prisma.join(conditions, ' AND ');
}

function contains(fields: readonly Prisma.Sql[], text: string): Prisma.Sql {
  const pattern = `%${escapeLike(text)}%`;
  const alternatives = fields.map((field) => Prisma.sql`${field} ILIKE ${pattern}`);
  return Prisma.sql`(${Prisma.join(alternatives, ' OR ')})`;
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}

/** One round trip: the count and the page come from the same snapshot, and a page past the end still has its count. */
async function selectPage(
  prisma: PrismaClient,
  condition: Prisma.Sql,
  order: Prisma.Sql,
  page: Page,
): Promise<ProductPage> {
  const [result] = await prisma.$queryRaw<[ProductPage]>`
    WITH matching AS MATERIALIZED (
      SELECT p.id, p.sku, p.name, p.brand, p.created_at,
             p.category_path AS "categoryPath",
             p.price_cents AS "priceCents",
             p.previous_price_cents AS "previousPriceCents",
             coalesce(s.on_hand - s.reserved, 0) AS available,
             coalesce(r.average, 0) AS rating,
             coalesce(r.review_count, 0) AS "reviewCount"
      FROM product p
      LEFT JOIN product_rating r ON r.product_id = p.id
      LEFT JOIN product_stock s ON s.product_id = p.id
      WHERE p.status = 'active' AND ${condition}
    ), page AS (
      SELECT * FROM matching ORDER BY ${order}
      LIMIT ${page.size} OFFSET ${(page.number - 1) * page.size}::bigint
    )
    SELECT (SELECT count(*)::integer FROM matching) AS total,
           (SELECT coalesce(jsonb_agg(to_jsonb(page) ORDER BY ${order}), '[]') FROM page) AS products`;
  return result;
}

async function findProduct(prisma: PrismaClient, id: number): Promise<Product | undefined> {
  const [product, rating, stock] = await Promise.all([
    prisma.product.findUnique({ where: { id } }),
    prisma.productRating.findUnique({ where: { productId: id } }),
    prisma.productStock.findUnique({ where: { productId: id } }),
  ]);
  if (!product) return undefined;
  return {
    ...product,
    priceCents: Number(product.priceCents),
    previousPriceCents: product.previousPriceCents === null ? null : Number(product.previousPriceCents),
    attributes: product.attributes as unknown as readonly Attribute[],
    available: stock ? stock.onHand - stock.reserved : 0,
    rating: Number(rating?.average ?? 0),
    reviewCount: rating?.reviewCount ?? 0,
  };
}

async function findTrail(prisma: PrismaClient, path: readonly string[]): Promise<Category[]> {
  const ways = path.map((_, depth) => path.slice(0, depth + 1));
  const categories = await prisma.category.findMany({
    where: { active: true, OR: ways.map((way) => ({ path: { equals: way } })) },
    select: { slug: true, name: true, path: true },
  });
  return categories.sort((a, b) => a.path.length - b.path.length);
}

function listCategories(prisma: PrismaClient): Promise<CountedCategory[]> {
  return prisma.$queryRaw<CountedCategory[]>`
    WITH filled AS (
      SELECT category_path AS path, count(*) AS products FROM product WHERE status = 'active' GROUP BY category_path
    )
    SELECT c.slug, c.name, c.path, coalesce(sum(f.products), 0)::integer AS "productCount"
    FROM category c LEFT JOIN filled f ON f.path[1:cardinality(c.path)] = c.path
    WHERE c.active
    GROUP BY c.id
    ORDER BY c.position, c.name COLLATE "C", c.id`;
}

function columns<Values extends Partial<ProductValues>>({ categoryPath, attributes, ...values }: Values) {
  return {
    ...values,
    ...(categoryPath === undefined ? {} : { categoryPath: [...categoryPath] }),
    ...(attributes === undefined ? {} : { attributes: attributes as unknown as Prisma.InputJsonValue }),
  };
}

function refuseTakenSku(error: unknown): never {
  if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') {
    throw new SkuTaken('the sku belongs to another product', { cause: error });
  }
  throw error;
}
