/** Money is in cents of EUR, weights in grams; a category's path is the slugs from the root down to it. */

export type ProductStatus = 'active' | 'hidden' | 'deleted';
export type TaxClass = 'standard' | 'reduced' | 'none';

/** One thing to know about a product; older ones are text without a name. */
export interface Attribute {
  readonly name?: string;
  readonly value: string;
}

/** A product as lists show it. */
export interface ProductSummary {
  readonly id: number;
  readonly sku: string;
  readonly name: string;
  readonly brand: string | null;
  readonly categoryPath: readonly string[];
  readonly priceCents: number;
  readonly previousPriceCents: number | null;
  /** On hand less reserved; below 0 when more was promised than is there. */
  readonly available: number;
  readonly rating: number;
  readonly reviewCount: number;
}

/** A product with all that is known of it. */
export interface Product extends ProductSummary {
  readonly description: string;
  readonly taxClass: TaxClass;
  readonly attributes: readonly Attribute[];
  readonly status: ProductStatus;
  readonly weightGrams: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What an administrator decides about a product. */
export interface ProductValues {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly brand: string | null;
  readonly categoryPath: readonly string[];
  readonly priceCents: number;
  readonly previousPriceCents: number | null;
  readonly taxClass: TaxClass;
  readonly attributes: readonly Attribute[];
  readonly status: Exclude<ProductStatus, 'deleted'>;
  readonly weightGrams: number | null;
}

export interface Category {
  readonly slug: string;
  readonly name: string;
  readonly path: readonly string[];
}

/** A category with how many active products are in it and below. */
export interface CountedCategory extends Category {
  readonly productCount: number;
}

export type SortOrder = 'name' | 'price' | '-price' | 'rating' | 'newest';

/** Which products, in which order, and which of them. */
export interface ProductFilter {
  /** This category and what is below it. */
  readonly categoryPath?: readonly string[] | undefined;
  /** Part of name, brand or sku, whatever its case. */
  readonly text?: string | undefined;
  readonly brand?: string | undefined;
  readonly minimumCents?: number | undefined;
  readonly maximumCents?: number | undefined;
  readonly inStockOnly: boolean;
}

export interface Page {
  /** From 1. */
  readonly number: number;
  readonly size: number;
}

/** One page of products, and how many there are on all pages. */
export interface ProductPage {
  readonly total: number;
  readonly products: readonly ProductSummary[];
}
