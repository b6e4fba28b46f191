import { packAttributes } from './attributes.ts';
import { PRODUCT_STATUS, TAX_CLASS } from './codes.ts';

/** A product's columns as an administrator may set them; what is absent stays. */
export interface ProductChanges {
  readonly sku?: string;
  readonly prod_nm?: string;
  readonly cat_path?: string;
  /** Decimals in text, as numeric columns are read and written. */
  readonly prod_prc?: string;
  readonly prod_dsc?: string;
  readonly brnd_nm?: string | null;
  readonly old_prc?: string | null;
  readonly tax_cd?: number;
  readonly attr_txt?: string;
  readonly wght_g?: number | null;
  readonly prod_st?: number;
}

/** A product that can be inserted: the required ones are there. */
export type NewProduct = ProductChanges & Required<Pick<ProductChanges, 'sku' | 'prod_nm' | 'cat_path' | 'prod_prc'>>;

/** The columns that a body asks to set, and a message for each field that breaks its rule, in the order of API.md. */
export interface ReadProduct {
  readonly changes: ProductChanges;
  readonly faults: Record<string, string>;
}

/** A value that stands for "breaks the rule"; null is a proper value. */
const BROKEN = Symbol('broken');

interface Rule {
  readonly field: string;
  readonly column: keyof ProductChanges;
  readonly required?: true;
  readonly message: string;
  read(value: unknown): string | number | null | typeof BROKEN;
}

const PRICE = 'must be a decimal with up to 2 places from 0 to 99999999.99';

const RULES: readonly Rule[] = [
  {
    field: 'sku',
    column: 'sku',
    required: true,
    message: 'must be 2 to 20 of A-Z, 0-9 and -',
    read: (value) => matching(trimmed(value), /^[A-Z0-9][A-Z0-9-]{1,19}$/),
  },
  {
    field: 'name',
    column: 'prod_nm',
    required: true,
    message: 'must be 1 to 160 characters',
    read: (value) => ofLength(trimmed(value), 1, 160),
  },
  {
    field: 'category',
    column: 'cat_path',
    required: true,
    message: 'must be the path of a category',
    read: (value) => ofLength(value, 1, 120),
  },
  { field: 'price', column: 'prod_prc', required: true, message: PRICE, read: decimal },
  {
    field: 'description',
    column: 'prod_dsc',
    message: 'must be up to 10000 characters',
    read: (value) => ofLength(value, 0, 10_000),
  },
  {
    field: 'brand',
    column: 'brnd_nm',
    message: 'must be up to 60 characters or null',
    read: (value) => (value === null ? null : ofLength(trimmed(value), 0, 60) || null),
  },
  {
    field: 'old_price',
    column: 'old_prc',
    message: `${PRICE} or null`,
    read: (value) => (value === null || value === '' ? null : decimal(value)),
  },
  {
    field: 'tax',
    column: 'tax_cd',
    message: 'must be standard, reduced or none',
    read: (value) => (TAX_CLASS.isMeaning(value) ? TAX_CLASS.code(value) : BROKEN),
  },
  { field: 'attributes', column: 'attr_txt', message: 'must be an object of up to 50 texts', read: attributes },
  {
    field: 'weight_g',
    column: 'wght_g',
    message: 'must be a whole number from 0 to 1000000 or null',
    read: (value) => (value === null ? null : wholeNumber(value, 1_000_000)),
  },
  {
    field: 'status',
    column: 'prod_st',
    message: 'must be active or hidden',
    read: (value) => (value === 'active' || value === 'hidden' ? PRODUCT_STATUS.code(value) : BROKEN),
  },
];

/**
 * Reads the body of an administrator's product. Whether the category exists and the sku is free, only the database knows.
 *
 * @param isNew a new product: required fields may not be absent.
 */
export function readProduct(body: Readonly<Record<string, unknown>>, isNew: boolean): ReadProduct {
  const changes: Record<string, string | number | null> = {};
  const faults: Record<string, string> = {};
  for (const rule of RULES) {
    const given = Object.hasOwn(body, rule.field) ? body[rule.field] : undefined;
    if (given === undefined) {
      if (isNew && rule.required) faults[rule.field] = 'is required';
      continue;
    }
    const value = rule.read(given);
    if (value === BROKEN) faults[rule.field] = rule.message;
    else changes[rule.column] = value;
  }
  return { changes: changes as ProductChanges, faults };
}

/** Adds the fault of a category that does not exist, where the order of the fields wants it. */
export function withCategoryFault(faults: Readonly<Record<string, string>>): Record<string, string> {
  const all: Record<string, string> = { ...faults, category: 'must be the path of a category' };
  return Object.fromEntries(RULES.flatMap(({ field }) => (all[field] === undefined ? [] : [[field, all[field]]])));
}

function trimmed(value: unknown): unknown {
  return typeof value === 'string' ? value.trim() : value;
}

function ofLength(value: unknown, least: number, most: number): string | typeof BROKEN {
  if (typeof value !== 'string' || value.includes('\0')) return BROKEN;
  return value.length >= least && value.length <= most ? value : BROKEN;
}

function matching(value: unknown, pattern: RegExp): string | typeof BROKEN {
  return typeof value === 'string' && pattern.test(value) ? value : BROKEN;
}

function decimal(value: unknown): string | typeof BROKEN {
  if (typeof value !== 'string' && typeof value !== 'number') return BROKEN;
  return matching(String(value), /^\d{1,8}(\.\d{1,2})?$/);
}

function wholeNumber(value: unknown, most: number): number | typeof BROKEN {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most ? (value as number) : BROKEN;
}

function attributes(value: unknown): string | typeof BROKEN {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return BROKEN;
  const entries = Object.entries(value);
  const fine = entries.every(([name, text]) => ofLength(name, 1, 60) !== BROKEN && ofLength(text, 0, 500) !== BROKEN);
  return fine && entries.length <= 50 ? packAttributes(Object.fromEntries(entries)) : BROKEN;
}
