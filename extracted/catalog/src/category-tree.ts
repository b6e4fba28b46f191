import type { CountedCategory } from './model.ts';

/** A category with those directly below it. */
export interface CategoryTree extends CountedCategory {
  readonly children: readonly CategoryTree[];
}

/** Puts categories below one another by their paths, in the order given; what has no parent among them is left out. */
export function buildTrees(categories: readonly CountedCategory[]): CategoryTree[] {
  return childrenOf([], categories).map((category) => grow(category, categories));
}

function grow(category: CountedCategory, categories: readonly CountedCategory[]): CategoryTree {
  const children = childrenOf(category.path, categories).map((child) => grow(child, categories));
  return { ...category, children };
}

/** Those directly below a path. */
export function childrenOf(path: readonly string[], categories: readonly CountedCategory[]): CountedCategory[] {
  return categories.filter(
    (category) =>
      category.path.length === path.length + 1 && path.every((slug, depth) => category.path[depth] === slug),
  );
}
