import type { Answer, Operation } from '@shop/chassis';
import { buildTrees, type CategoryTree } from './category-tree.ts';
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
      const category = findBySlug(buildTrees(await repository.listCategories()), slug);
      return category ? categoryAnswer(category) : noCategoryAnswer(slug);
    },

    createProduct: ({ body }) =>
      unlessSkuTaken(async () => createdAnswer(await repository.createProduct(readNewProduct(body)))),

    updateProduct: ({ params, body }) =>
      unlessSkuTaken(async () => {
        const id = readId(params.id);
        if (id === undefined) return badIdAnswer;
        const changed = await repository.updateProduct(id, readProductChange(body));
        const product = changed ? await repository.findProduct(id) : undefined;
        return product ? answerProduct(repository, product) : noProductAnswer(id);
      }),

    deleteProduct: async ({ params }) => {
      const id = readId(params.id);
      return id === undefined ? badIdAnswer : deletedAnswer(await repository.deleteProduct(id));
    },
  };
}

async function answerProduct(repository: Repository, product: Product): Promise<Answer> {
  return productAnswer(product, await repository.findTrail(product.categoryPath));
}

function findBySlug(trees: readonly CategoryTree[], slug: string): CategoryTree | undefined {
  for (const tree of trees) {
    const found = tree.slug === slug ? tree : findBySlug(tree.children, slug);
    if (found) return found;
  }
  return undefined;
}

async function unlessSkuTaken(write: () => Promise<Answer>): Promise<Answer> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof SkuTaken) return takenSkuAnswer;
    throw error;
  }
}
