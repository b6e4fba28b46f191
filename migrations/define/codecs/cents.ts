import { type Codec, refuse } from '../codec.ts';
import { typeModifier } from '../type-modifier.ts';

/** Digits that each target type holds for certain. */
const DIGITS: Readonly<Record<string, number>> = { integer: 9, bigint: 18 };

/**
 * Carries an amount, `numeric(p,2)`, as a whole number of cents: `cents('prod_prc')` makes 19.90 to 1990. By moving the
 * point in the text, so exact for every length; NaN and Infinity are refused. The scale has to be 2: with more places
 * a cent would be rounded on the way there, with fewer on the way back.
 */
export function cents<const Column extends string>(source: Column): Codec<Column> {
  const kind = 'cents';
  return {
    kind,
    source,
    sourceTypes: ['numeric'],
    targetTypes: Object.keys(DIGITS),
    lossy(from, to) {
      const [precision, scale] = typeModifier(from);
      if (precision === undefined || scale !== 2) return `${from.fullType} is not numeric(p,2)`;
      const digits = DIGITS[to.type] ?? 0;
      return precision <= digits ? undefined : `${from.fullType} has more digits than ${to.fullType} is sure to hold`;
    },
    forward(value) {
      const parts = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(value);
      if (parts === null) return refuse(kind, value, 'it has to be a number with up to two decimals');
      const [, sign, whole, fraction = ''] = parts;
      return signed(sign as string, (whole as string) + fraction.padEnd(2, '0'));
    },
    back(value) {
      const parts = /^(-?)(\d+)$/.exec(value);
      if (parts === null) return refuse(kind, value, 'it has to be a whole number');
      const digits = (parts[2] as string).replace(/^0+/, '').padStart(3, '0');
      return signed(parts[1] as string, `${digits.slice(0, -2)}.${digits.slice(-2)}`);
    },
    // The cast refuses NaN by itself, and rounds nothing as there are two places.
    forwardSql: (column) => `((${column}) * 100)::bigint`,
    // Division would choose a scale of its own; a product has the scales' sum, here 2.
    backSql: (column) => `(${column}) * 0.01`,
  };
}

/** Without leading zeros, and without a sign if there is nothing to be below. */
function signed(sign: string, digits: string): string {
  const trimmed = digits.replace(/^0+(?=\d)/, '');
  return /^[0.]+$/.test(trimmed) ? trimmed : sign + trimmed;
}
