import { type Codec, refuse } from '../codec.ts';
import { typeModifier } from '../type-modifier.ts';

/** PostgreSQL's ISO text of a moment, years beyond 9999 and before Christ included; then the zone, if it has one. */
const MOMENT = /^(\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)(\+00)?( BC)?$/;
const INFINITE = new Set(['infinity', '-infinity']);
const MICROSECONDS = 6;

/**
 * Carries a `timestamp` that means UTC as a `timestamptz`: `utc('crt_dt')`. Infinity stays infinity. Both columns have
 * the same precision, or one of the two databases would round without a word.
 */
export function utc<const Column extends string>(source: Column): Codec<Column> {
  const kind = 'utc';
  return {
    kind,
    source,
    sourceTypes: ['timestamp without time zone'],
    targetTypes: ['timestamp with time zone'],
    lossy(from, to) {
      const [left, right] = [from, to].map((each) => typeModifier(each)[0] ?? MICROSECONDS);
      return left === right ? undefined : `${from.fullType} and ${to.fullType} keep different fractions of a second`;
    },
    forward(value) {
      if (INFINITE.has(value)) return value;
      const [, moment, zone, era = ''] = MOMENT.exec(value) ?? [];
      if (moment === undefined || zone !== undefined) return refuse(kind, value, 'it is no ISO timestamp without zone');
      return `${moment}+00${era}`;
    },
    back(value) {
      if (INFINITE.has(value)) return value;
      const [, moment, zone, era = ''] = MOMENT.exec(value) ?? [];
      if (moment === undefined || zone === undefined) return refuse(kind, value, 'it is no ISO timestamp in UTC (+00)');
      return `${moment}${era}`;
    },
    forwardSql: (column) => `(${column}) AT TIME ZONE 'UTC'`,
    backSql: (column) => `(${column}) AT TIME ZONE 'UTC'`,
  };
}
