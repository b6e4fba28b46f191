import { type Html, html } from '../pages/html.ts';
import { type FormState, field, select, textArea } from '../pages/parts.ts';
import type { FoundProduct } from './product-detail.ts';

/** The fields of a product as the form shows them. */
export function formValues({ product, status }: FoundProduct): Record<string, string> {
  return {
    sku: product.sku,
    name: product.name,
    category: product.category.path,
    price: product.price.toFixed(2),
    old_price: product.old_price?.toFixed(2) ?? '',
    brand: product.brand ?? '',
    description: product.description,
    tax: product.tax,
    attributes: attributeLines(product.attributes),
    weight_g: product.weight_g === null ? '' : String(product.weight_g),
    status,
  };
}

/**
 * What a sent form asks for, as the JSON API's body. A field that was not sent stays as it is; so do attributes that
 * nobody touched, because the text in the database may hold more than the form can show.
 */
export function bodyFromForm(
  values: Readonly<Record<string, string>>,
  shown: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const body: Record<string, unknown> = { ...values };
  if (values.description !== undefined) body.description = values.description.replaceAll('\r\n', '\n');
  if (values.weight_g !== undefined) body.weight_g = values.weight_g.trim() === '' ? null : Number(values.weight_g);
  if (values.attributes === undefined) return body;
  const lines = values.attributes.replaceAll('\r\n', '\n').trim();
  if (lines === (shown.attributes ?? '').trim() && shown.attributes !== undefined) delete body.attributes;
  else body.attributes = attributesFromLines(lines);
  return body;
}

function attributeLines(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');
}

/** Undefined for a line without `=` makes the whole no object of texts, which the rule of the field then says. */
function attributesFromLines(lines: string): Record<string, unknown> {
  const filled = lines.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    filled.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, undefined] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/** The form for a new product or an old one. */
export function productForm(
  form: FormState,
  action: string,
  categories: readonly { path: string; name: string }[],
): Html {
  const known = categories.map(({ path, name }) => [path, `${path} (${name})`] as const);
  const current = form.values.category;
  const choices =
    current === undefined || categories.some(({ path }) => path === current)
      ? known
      : [[current, `${current} (no such category)`] as const, ...known];
  return html`<form class="panel" method="post" action="${action}">
<div class="pair">${field(form, 'sku', 'Article number', html`required maxlength="20"`)}${select(
    form,
    'status',
    'State',
    [
      ['active', 'active'],
      ['hidden', 'hidden'],
    ],
  )}</div>
${field(form, 'name', 'Name', html`required maxlength="160"`)}
${select(form, 'category', 'Category', choices)}
<div class="pair">${field(form, 'price', 'Price in €', html`required inputmode="decimal"`)}${field(form, 'old_price', 'Old price in €', html`inputmode="decimal"`, 'Empty for none')}</div>
<div class="pair">${field(form, 'brand', 'Brand', html`maxlength="60"`)}${select(form, 'tax', 'VAT', [
    ['standard', 'standard'],
    ['reduced', 'reduced'],
    ['none', 'none'],
  ])}</div>
${textArea(form, 'description', 'Description', html`rows="5" maxlength="10000"`)}
<div class="pair">${textArea(form, 'attributes', 'Attributes', html`rows="4"`, 'One on each line: colour=red')}${field(form, 'weight_g', 'Weight in grams', html`inputmode="numeric"`)}</div>
<button class="button" type="submit">Save</button></form>`;
}
