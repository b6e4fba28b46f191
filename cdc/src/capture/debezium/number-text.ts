/**
 * How PostgreSQL writes a `real` or a `double precision`: the fewest digits that name it, in exponential form below 1e-4
 * and from 1e15 on (1e6 for `real`).
 */
export function floatText(value: number | string, precision: 'real' | 'double'): string {
  const number = Number(value);
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number > 0 ? 'Infinity' : '-Infinity';
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  const [mantissa, power] = (precision === 'double' ? number.toExponential() : shortestReal(number)).split('e');
  const exponent = Number(power);
  const sign = mantissa!.startsWith('-') ? '-' : '';
  const digits = mantissa!.replace(/[-.]/g, '');
  if (exponent < -4 || exponent >= (precision === 'double' ? 15 : 6)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  return sign + placePoint(digits, exponent);
}

/** The fewest digits that are the same `real`. */
function shortestReal(value: number): string {
  const real = Math.fround(value);
  for (let digits = 0; digits < 9; digits++) {
    const text = real.toExponential(digits);
    if (Math.fround(Number(text)) === real) return text;
  }
  return real.toExponential();
}

/** What Debezium says of a `numeric`, as PostgreSQL writes it: never in exponential form, and with its scale. */
export function numericText(value: string): string {
  switch (value) {
    case 'NAN':
      return 'NaN';
    case 'POSITIVE_INFINITY':
      return 'Infinity';
    case 'NEGATIVE_INFINITY':
      return '-Infinity';
  }
  const parts = /^(-?)(\d+)(?:\.(\d+))?E([+-]?\d+)$/i.exec(value);
  if (!parts) return value;
  const [, sign, whole, fraction = '', power] = parts;
  return sign + placePoint(whole! + fraction, whole!.length - 1 + Number(power));
}

/** Plain decimal digits; `exponent` is that of the first one. */
function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** What Debezium says of a `money`, as PostgreSQL writes it in the locale C. */
export function moneyText(value: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(value);
  if (!parts) throw new Error(`not an amount of money: ${JSON.stringify(value)}`);
  const [, sign, whole, cents = ''] = parts;
  return `${sign}$${whole!.replace(/\B(?=(\d{3})+$)/g, ',')}.${cents.padEnd(2, '0')}`;
}
