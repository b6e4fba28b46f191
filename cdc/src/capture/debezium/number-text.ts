/**
 * How PostgreSQL writes a `real` or a `double precision`: the fewest digits that name it, in exponential form below 1e-4
 * and from 1e15 on (1e6 for `real`).
 */
export function floatText(value: number | string, precision: 'real' | 'double'): string {
  const number = Number(value);
  if (Number.isNaN(number)) return 'NaN';
  if (!Number.isFinite(number)) return number > 0 ? 'Infinity' : '-Infinity';
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  const [mantissa, power] = (precision === 'double' ? shortestDouble(number) : shortestReal(number)).split('e');
  const exponent = Number(power);
  const sign = mantissa!.startsWith('-') ? '-' : '';
  const digits = mantissa!.replace(/[-.]/g, '');
  if (exponent < -4 || exponent >= (precision === 'double' ? 15 : 6)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  return sign + placePoint(digits, exponent);
}

/**
 * The fewest digits that are the same `double precision`, of those the closest. Digits that lie exactly between two numbers
 * PostgreSQL does not take, however they would be rounded (`STRICTLY_SHORTEST` in its d2s.c), where JavaScript does: that
 * takes a number beyond 2^53.
 */
function shortestDouble(value: number): string {
  const text = value.toExponential();
  const large = Math.abs(value) >= 2 ** 53 ? BigInt(value) : undefined;
  const between = (candidate: string) =>
    large !== undefined &&
    ([1, -1] as const).some((step) => 2n * integerOf(candidate) === large + BigInt(neighbour(value, step)));
  for (let digits = text.split('e')[0]!.replace(/[-.]/g, '').length - 1; digits < 17; digits++) {
    const found = candidates(value, digits).find((each) => Number(each) === value && !between(each));
    if (found !== undefined) return found;
  }
  return text;
}

/** The next number above (1) or below (-1). */
function neighbour(value: number, step: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigUint64(0, view.getBigUint64(0) + (value > 0 ? BigInt(step) : -BigInt(step)));
  return view.getFloat64(0);
}

/** The integer that a large number's text says. */
function integerOf(text: string): bigint {
  const [mantissa, power = '0'] = text.split('e');
  const [whole, fraction = ''] = mantissa!.split('.');
  const places = Number(power) - fraction.length;
  return places >= 0 ? BigInt(whole! + fraction) * 10n ** BigInt(places) : BigInt(Number(text));
}

/** The same for a `real`. */
function shortestReal(value: number): string {
  const real = Math.fround(value);
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, real);
  const bits = view.getUint32(0);
  const between = [bits + 1, bits - 1].map((each) => {
    view.setUint32(0, each);
    return (real + view.getFloat32(0)) / 2;
  });
  const isReal = (text: string) => Math.fround(Number(text)) === real && !between.includes(Number(text));
  for (let digits = 0; digits < 9; digits++) {
    const found = candidates(real, digits).find(isReal);
    if (found !== undefined) return found;
  }
  return real.toExponential(8);
}

/** The two numbers around it with so many digits behind the first, the closer one first; of two as close, the even one. */
function candidates(value: number, digits: number): readonly [string, string] {
  const [mantissa, power] = Math.abs(value).toExponential(100).split('e');
  const all = mantissa!.replace('.', '');
  const write = (digitsOf: bigint) => {
    const text = String(digitsOf);
    const carried = text.length - (digits + 1);
    const point = text.length > 1 ? `${text[0]}.${text.slice(1)}` : text;
    return `${value < 0 ? '-' : ''}${carried > 0 ? `${text[0]}${digits > 0 ? `.${text.slice(1, digits + 1)}` : ''}` : point}e${Number(power) + carried}`;
  };
  const below = BigInt(all.slice(0, digits + 1));
  const rest = all.slice(digits + 1);
  const [lower, upper] = [write(below), write(below + 1n)];
  const half = /^50*$/.test(rest);
  return (half ? below % 2n === 0n : rest < '5') ? [lower, upper] : [upper, lower];
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
