import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../codec.ts';
import { proveCodec } from '../prove-codec.ts';
import { useDatabase } from '../testing.ts';
import { boolean, cents, code, column, flag, integer, json, list, numeric, padded, text, utc } from './index.ts';

const database = useDatabase('codecs');

/** Values by the hundred in one statement: a property over lists, so that what fails is shrunk all the same. */
async function holds(
  codec: Codec,
  types: readonly [string, string],
  sources: fc.Arbitrary<string>,
  targets: fc.Arbitrary<string>,
) {
  const [sourceType, targetType] = types;
  const many = (one: fc.Arbitrary<string>) => fc.array(one, { maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(many(sources), many(targets), async (sourceValues, targetValues) => {
      const proof = { query: database.query, sourceType, targetType, sourceValues, targetValues };
      expect(await proveCodec(codec, proof)).toEqual([]);
    }),
    { numRuns: 12 },
  );
}

/** Texts that PostgreSQL can hold: no NUL, no half of a surrogate pair; rich in what text formats trip over. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0')),
  fc.string({
    unit: fc.constantFrom(
      'a',
      '/',
      '\\',
      '"',
      '{',
      '}',
      ',',
      ';',
      '=',
      "'",
      ' ',
      '\t',
      '\n',
      '\v',
      '\u00a0',
      'NULL',
      '🍐',
      'é',
    ),
  }),
  fc.constantFrom('', 'NULL', 'null', 'NuLL', '/', '//', 'a/', '/a', 'NULL/a', '\\', '"', '{}', '[0:1]={a,b}', "'; --"),
);
const digits = (most: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${most}}$`));
const sign = fc.constantFrom('', '-');
/** Moments of the whole range of a `timestamp`, in PostgreSQL's words; `zone` goes before the era. */
const moments = (zone: string) =>
  fc
    .record({
      year: fc.integer({ min: -4712, max: 294_275 }).filter((year) => year !== 0),
      date: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 })),
      time: fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)),
      micros: fc.nat(999_999),
    })
    .map(({ year, date, time, micros }) => {
      const padded = (part: number, width = 2) => String(part).padStart(width, '0');
      const day = [padded(Math.abs(year), 4), ...date.map((part) => padded(part))].join('-');
      return `${day} ${time.map((part) => padded(part)).join(':')}.${padded(micros, 6)}${zone}${year < 0 ? ' BC' : ''}`;
    });
const infinities = fc.constantFrom('infinity', '-infinity');

describe('every value goes there and back unchanged, and in SQL as in JavaScript', () => {
  test('text', () => holds(text('a'), ['text', 'text'], anyText, anyText));

  test('integer', async () => {
    const values = fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n }).map(String);
    await holds(integer('a'), ['integer', 'bigint'], values, values);
    const large = fc.constantFrom('9223372036854775807', '-9223372036854775808', '0');
    await holds(integer('a'), ['bigint', 'bigint'], large, large);
  });

  test('numeric', async () => {
    const values = fc.oneof(
      fc.tuple(sign, digits(20), digits(9)).map(([s, a, b]) => `${s}${a}.${b}`),
      fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e-30'),
    );
    await holds(numeric('a'), ['numeric', 'numeric'], values, values);
  });

  test('boolean', () =>
    holds(boolean('a'), ['boolean', 'boolean'], fc.constantFrom('t', 'f'), fc.constantFrom('t', 'f')));

  test('json', async () => {
    const values = fc.json({ stringUnit: 'grapheme' }).filter((value) => !value.includes('\\u0000'));
    await holds(json('a'), ['jsonb', 'jsonb'], values, values);
    await holds(json('a'), ['json', 'json'], values, values);
  });

  test('column, of whatever type', async () => {
    const ids = fc.uuid();
    await holds(column('a', 'uuid'), ['uuid', 'uuid'], ids, ids);
    const bytes = fc.uint8Array().map((each) => `\\x${Buffer.from(each).toString('hex')}`);
    await holds(column('a', 'bytea'), ['bytea', 'bytea'], bytes, bytes);
    const floats = fc.double().map((each) => (Number.isFinite(each) ? String(each) : 'NaN'));
    await holds(column('a', 'double precision'), ['double precision', 'double precision'], floats, floats);
    const spans = fc.integer({ min: 0, max: 1_000_000 }).map((each) => `${each} days ${each} seconds`);
    await holds(column('a', 'interval'), ['interval', 'interval'], spans, spans);
  });

  test('padded', async () => {
    const short = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '🍐', '\t'), maxLength: 3 });
    await holds(padded('a', 3), ['character(3)', 'text'], short, fc.oneof(short, anyText));
  });

  test('cents', async () => {
    const amounts = fc.oneof(
      fc.tuple(sign, digits(16), fc.stringMatching(/^[0-9]{0,2}$/)).map(([s, a, b]) => `${s}${a}.${b}`),
      fc.constantFrom('NaN', '0', '-0.00', '0.05', '-0.05', '0.5', '00012.30', '9999999999999999.99'),
    );
    const whole = fc.oneof(
      fc.tuple(sign, digits(18)).map((parts) => parts.join('')),
      fc.constantFrom('-1', '5', '-99', '0'),
    );
    await holds(cents('a'), ['numeric(18,2)', 'bigint'], amounts, whole);
    await holds(
      cents('a'),
      ['numeric(9,2)', 'integer'],
      fc.constantFrom('9999999.99', '-9999999.99', 'NaN'),
      fc.constantFrom('0', '-7'),
    );
  });

  test('code, of numbers, texts, char(n) and enums, to texts and enums', async () => {
    await database.query(`CREATE TYPE state AS ENUM ('active', 'it''s \\ odd', 'deleted')`, []);
    const numbers = code('a', { 1: 'active', 2: "it's \\ odd", [-9]: 'deleted' });
    const meanings = fc.constantFrom('active', "it's \\ odd", 'deleted');
    const ints = fc.constantFrom('1', '2', '-9', '0', '32767');
    await holds(numbers, ['smallint', 'state'], ints, meanings);
    await holds(numbers, ['bigint', 'text'], ints, fc.oneof(meanings, anyText));
    const letters = code('a', { 'A\\': 'active', "B'": "it's \\ odd", 'C ': 'deleted' });
    await holds(letters, ['character(2)', 'state'], fc.constantFrom('A\\', "B'", 'C ', 'C', 'x', ''), meanings);
    await holds(
      letters,
      ['text', 'character varying(20)'],
      fc.oneof(fc.constantFrom('A\\', "B'", 'C ', 'C'), anyText),
      meanings,
    );
    await holds(code('a', { active: '1', deleted: '9' }), ['state', 'text'], meanings, fc.constantFrom('1', '9', '2'));
  });

  test('flag', async () => {
    const bits = fc.constantFrom('t', 'f');
    await holds(
      flag('a', { true: 'Y', false: 'N' }),
      ['character(1)', 'boolean'],
      fc.constantFrom('Y', 'N', 'y', ' ', 'X'),
      bits,
    );
    await holds(
      flag('a', { true: '', false: 'off' }),
      ['text', 'boolean'],
      fc.oneof(anyText, fc.constantFrom('', 'off')),
      bits,
    );
    await holds(flag('a', { true: 1, false: 0 }), ['integer', 'boolean'], fc.constantFrom('0', '1', '2', '-1'), bits);
  });

  test('utc', async () => {
    const without = fc.oneof(moments(''), infinities);
    const within = fc.oneof(moments('+00'), infinities);
    await holds(utc('a'), ['timestamp', 'timestamptz'], without, within);
    await holds(utc('a'), ['timestamp(3)', 'timestamptz(3)'], without, within);
  });

  test('list', async () => {
    const arrays = fc.constantFrom(
      '{}',
      '{""}',
      '{NULL}',
      '{a,NULL}',
      '{"NULL"}',
      '{{a,b},{c,d}}',
      '[0:1]={a,b}',
      '{"a/b"}',
      '{a," b","\\"","\\\\"}',
      '{"",""}',
    );
    await holds(list('a', '/'), ['text', 'text[]'], anyText, arrays);
    for (const separator of ['\\', '"', ',', '{', "'", ' ', 'é', '🍐']) {
      await holds(list('a', separator), ['character varying(200)', 'text[]'], anyText, arrays);
    }
  });
});

describe('exact values', () => {
  test('cents moves the point in the text', () => {
    const price = cents('prod_prc');
    expect(
      ['19.90', '0.00', '-0.05', '0.5', '7', '007.50', '-0.00', '12345678901234567890.12'].map(price.forward),
    ).toEqual(['1990', '0', '-5', '50', '700', '750', '0', '1234567890123456789012']);
    expect(['1990', '0', '-5', '50', '100', '007'].map(price.back)).toEqual([
      '19.90',
      '0.00',
      '-0.05',
      '0.50',
      '1.00',
      '0.07',
    ]);
    for (const value of ['NaN', 'Infinity', '-Infinity', '1.234', '1e3', '', '.5']) {
      expect(() => price.forward(value)).toThrow('cents cannot carry');
    }
  });

  test('list quotes what an array quotes, and refuses arrays that no text gives', () => {
    const path = list('cat_path', '/');
    expect(['home/kitchen', '', '/', 'a//b', 'NULL/x', 'a b/c"d/e\\f/{g}/h,i'].map(path.forward)).toEqual([
      '{home,kitchen}',
      '{}',
      '{"",""}',
      '{a,"",b}',
      '{"NULL",x}',
      '{"a b","c\\"d","e\\\\f","{g}","h,i"}',
    ]);
    for (const array of ['{NULL}', '{""}', '{a/b}', '{{a}}', '[0:0]={a}', '{a', 'a}', '{a,}', '{"a}', '']) {
      expect(() => path.back(array), array).toThrow('list cannot carry');
    }
  });

  test('a refused value is named, and shortened if it is long', () => {
    expect(() => flag('actv', { true: 'Y', false: 'N' }).forward('X')).toThrow(
      'flag cannot carry "X": it is not one of Y, N',
    );
    expect(() => cents('a').forward('x'.repeat(5_000))).toThrow(/"x{80}… \(5000 characters\)"/);
  });

  test("the database's refusal says what the function's says", async () => {
    const { forwardSql } = flag('actv', { true: 'Y', false: 'N' });
    await expect(
      database.query(`SELECT ${forwardSql('actv')} FROM (SELECT 'X'::char(1) AS actv) AS row`, []),
    ).rejects.toThrow('flag cannot carry "X": it is not one of Y, N');
  });
});

test('a codec whose parts disagree is found out', async () => {
  const proof = {
    query: database.query,
    sourceType: 'text',
    targetType: 'text',
    sourceValues: ['a', 'B', '-'],
    targetValues: ['x'],
  };
  const honest = text('a');
  expect(await proveCodec({ ...honest, forward: (value) => value.toLowerCase() }, proof)).toEqual([
    'text forward: "B" comes back as "b"',
    'text forward: "B" gives "b", and "B" in SQL',
  ]);
  expect(await proveCodec({ ...honest, backSql: () => `'x'` }, proof)).toContain('text back: SQL makes "x" of NULL');
  const { forward } = flag('a', { true: 'a', false: 'B' });
  expect((await proveCodec({ ...honest, forward }, proof)).at(0)).toMatch(/does not come back|"a"/);
  expect(
    await proveCodec(
      { ...honest, forward: (value) => (value === '-' ? flag('a', { true: 1, false: 0 }).forward(value) : value) },
      proof,
    ),
  ).toEqual(['text forward: SQL makes "-" of "-", which is to be refused']);
});
