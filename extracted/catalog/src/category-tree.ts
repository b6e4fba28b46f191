import type { CountedCategory } from './model.ts';

/** A category with those directly below it. */
export interface CategoryTree extends CountedCategory {
  readonly children: readonly CategoryTree[];
}

/** Puts categories below one another by their paths, keeping their order; what has no parent here is left out. */
export function buildTrees(categories: readonly CountedCategory[]): CategoryTree[] {
  const placed = categories.filter(({ path }) => path.length > 0);
  const byParent = Map.groupBy(placed, ({ path }) => path.slice(0, -1).join('/'));
  const below = (parent: string): CategoryTree[] =>
    (byParent.get(parent) ?? []).map((category) => ({ ...category, children: below(category.path.join('/')) }));
  return below('');
}
