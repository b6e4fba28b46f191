import type { ProductValues, TaxClass } from './model.ts';

/** The members of `ProductChange` in the OpenAPI document, by whose schema a body has been validated before. */
interface ProductBody {
  readonly sku?: string;
  readonly name?: string;
  readonly description?: string;
  readonly brand?: string | null;
  readonly category?: string;
  readonly price?: string | number;
  readonly old_price?: string | number | null;
  readonly tax?: TaxClass;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly weight_g?: number | null;
  readonly status?: ProductValues['status'];
}

const DEFAULTS = {
  description: '',
  brand: null,
  previousPriceCents: null,
  taxClass: 'standard',
  attributes: [],
  weightGrams: null,
  status: 'active',
} satisfies Partial<ProductValues>;

/** A valid body of a new product, in the service's terms. */
export function readNewProduct(body: unknown): ProductValues {
  return { ...DEFAULTS, ...readProductChange(body) } as ProductValues;
}

/** A valid body of a change, in the service's terms: what it has, no more. */
export function readProductChange(body: unknown): Partial<ProductValues> {
  const { sku, name, description, brand, category, price, old_price, tax, attributes, weight_g, status } =
    body as ProductBody;
  const values = {
    sku,
    name,
    description,
    brand: brand === '' ? null : brand,
    categoryPath: category?.split('/'),
    priceCents: price === undefined ? undefined : cents(price),
    previousPriceCents:
      old_price === undefined ? undefined : old_price === null || old_price === '' ? null : cents(old_price),
    taxClass: tax,
    attributes: attributes && Object.entries(attributes).map(([attribute, value]) => ({ name: attribute, value })),
    status,
    weightGrams: weight_g,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function cents(amount: string | number): number {
  return Math.round(Number(amount) * 100);
}

/** Whether a number has at most two decimal places: the format `two-places` of the OpenAPI document. */
export function hasTwoPlaces(value: number): boolean {
  return /^\d{1,8}(\.\d{1,2})?$/.test(String(value));
}
