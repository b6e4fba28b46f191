import type { ExactNumber } from './json-value.ts';

/** A decimal: `coefficient` times ten to the power of `exponent`, the coefficient without trailing zeros. */
interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

/** How far apart two exponents may be for their difference to be worked out: beyond it no tolerance is large enough. */
const exponentGapMax = 2_000;
const digitsMax = 10_000;

/** The text of a number, as it was written. */
export function numberText(value: number | ExactNumber): string {
  return typeof value === 'number' ? String(value) : value.text;
}

/** Written with neither fraction nor exponent: what Java, Python or Go read as an integer. */
export function isInteger(value: number | ExactNumber): boolean {
  return typeof value === 'number' || !/[.eE]/.test(value.text);
}

/** The same value in decimal, however many digits: 19.90 and 19.9 are, 9007199254740993 and 9007199254740992 are not. */
export function sameValue(left: number | ExactNumber, right: number | ExactNumber): boolean {
  if (typeof left === 'number' && typeof right === 'number') {
    return left === right;
  }
  return canonicalNumber(left) === canonicalNumber(right);
}

/** One text for one value. */
export function canonicalNumber(value: number | ExactNumber): string {
  const { negative, digits, exponent } = split(numberText(value));
  return digits === '' ? '0' : `${negative ? '-' : ''}${digits}e${exponent}`;
}

/** Whether two numbers differ by at most `within`, worked out in decimal: 0.3 and 0.1 + 0.2 have no say in it. */
export function isWithin(left: number | ExactNumber, right: number | ExactNumber, within: number): boolean {
  const [a, b, bound] = [decimal(numberText(left)), decimal(numberText(right)), decimal(String(within))];
  if (a === undefined || b === undefined || bound === undefined) {
    return sameValue(left, right);
  }
  const lowest = Math.min(a.exponent, b.exponent, bound.exponent);
  if (Math.max(a.exponent, b.exponent, bound.exponent) - lowest > exponentGapMax) {
    return sameValue(left, right);
  }
  const scaled = (value: Decimal) => value.coefficient * 10n ** BigInt(value.exponent - lowest);
  const gap = scaled(a) - scaled(b);
  return (gap < 0n ? -gap : gap) <= scaled(bound);
}

function decimal(text: string): Decimal | undefined {
  const { negative, digits, exponent } = split(text);
  if (digits.length > digitsMax) {
    return undefined;
  }
  if (digits === '') {
    return { coefficient: 0n, exponent: 0 };
  }
  return { coefficient: negative ? -BigInt(digits) : BigInt(digits), exponent: Number(exponent) };
}

function split(text: string): { negative: boolean; digits: string; exponent: bigint | number } {
  const negative = text.startsWith('-');
  const [mantissa = '', power = '0'] = text.slice(negative ? 1 : 0).split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = whole + fraction;
  let end = all.length;
  while (end > 0 && all.charCodeAt(end - 1) === 48) {
    end--;
  }
  let start = 0;
  while (start < end && all.charCodeAt(start) === 48) {
    start++;
  }
  const shift = all.length - end - fraction.length;
  // An exponent of absurd length still has to be told from its neighbour.
  const exponent = power.length > maxPlainExponent ? BigInt(power) + BigInt(shift) : Number(power) + shift;
  return { negative, digits: all.slice(start, end), exponent };
}

const maxPlainExponent = 12;
