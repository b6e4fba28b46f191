import type { Answer, BodyFaults, Operation } from '@shop/chassis';
import { buildTrees, childrenOf } from './category-tree.ts';
import type { Product } from './model.ts';
import { readNewProduct, readProductChange } from './product-input.ts';
import { readId, readListQuery, readSearchQuery } from './query-input.ts';
import { type Repository, SkuTaken } from './repository.ts';
import {
  badIdAnswer,
  categoriesAnswer,
  categoryAnswer,
  createdAnswer,
  deletedAnswer,
  goneAnswer,
  listAnswer,
  noCategoryAnswer,
  noProductAnswer,
  productAnswer,
  searchAnswer,
  searchHintAnswer,
  takenSkuAnswer,
  unknownCategoryFault,
} from './shop-answers.ts';

const SEARCH_LENGTH_MIN = 2;

/** What the service does for each operation of its OpenAPI document, by `operationId`. */
export function catalogOperations(repository: Repository): Readonly<Record<string, Operation>> {
  return {
    listProducts: async ({ query }) => {
      const { filter, sort, page } = readListQuery(query);
      return listAnswer(await repository.listProducts(filter, sort, page), page);
    },

    getProduct: async ({ params }) => {
      const id = readId(params.id);
      if (id === undefined) return badIdAnswer;
      const product = await repository.findProduct(id);
      if (!product || product.status === 'hidden') return noProductAnswer(id);
      return product.status === 'deleted' ? goneAnswer(id) : answerProduct(repository, product);
    },

    searchProducts: async ({ query }) => {
      const { text, page } = readSearchQuery(query);
      if (text.length < SEARCH_LENGTH_MIN) return searchHintAnswer(text);
      return searchAnswer(text, page, await repository.searchProducts(text, page));
    },

    listCategories: async () => categoriesAnswer(buildTrees(await repository.listCategories())),

    getCategory: async ({ params }) => {
      const slug = params.code ?? '';
      const categories = await repository.listCategories();
      const category = categories.find((candidate) => candidate.slug === slug);
      return category ? categoryAnswer(category, childrenOf(category.path, categories)) : noCategoryAnswer(slug);
    },

    createProduct: ({ readBody }) =>
      unlessSkuTaken(async () => {
        const body = await readBody((valid) => findUnknownCategory(repository, valid));
        return createdAnswer(await repository.createProduct(readNewProduct(body)));
      }),

    updateProduct: ({ params, readBody }) =>
      unlessSkuTaken(async () => {
        const id = readId(params.id);
        if (id === undefined) return badIdAnswer;
        const body = await readBody((valid) => findUnknownCategory(repository, valid));
        const changed = await repository.updateProduct(id, readProductChange(body));
        const product = changed ? await repository.findProduct(id) : undefined;
        return product ? answerProduct(repository, product) : noProductAnswer(id);
      }),

    deleteProduct: async ({ params }) => {
      const id = readId(params.id);
      if (id === undefined) return badIdAnswer;
      const before = await repository.deleteProduct(id);
      return before === 'unknown' ? noProductAnswer(id) : deletedAnswer(before === 'present');
    },
  };
}

/** That a category exists is the one rule of a product's fields that no schema can hold. */
async function findUnknownCategory(repository: Repository, body: unknown): Promise<BodyFaults> {
  const { categoryPath } = readProductChange(body);
  const isKnown = categoryPath === undefined || (await repository.hasCategory(categoryPath));
  return isKnown ? {} : unknownCategoryFault;
}

async function answerProduct(repository: Repository, product: Product): Promise<Answer> {
  return productAnswer(product, await repository.findTrail(product.categoryPath));
}

async function unlessSkuTaken(write: () => Promise<Answer>): Promise<Answer> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof SkuTaken) return takenSkuAnswer;
    throw error;
  }
}
