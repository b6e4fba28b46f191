import {
  asHtml,
  type CompareRule,
  ignore,
  ignoreHeader,
  mapSide,
  sameFormat,
  tolerance,
  unordered,
} from 'strangler-migrations/define';
import { describe, expect, it, test } from 'vitest';
import type { Answer } from './answer.ts';
import { compareAnswers } from './compare-answers.ts';
import { placeOf } from './comparison.ts';
import { compileRules } from './rules.ts';
import { sideBySide } from './side-by-side.ts';

function answer(type: string, text: string): Answer {
  return { status: 200, rawHeaders: ['Content-Type', type], body: Buffer.from(text), truncated: false };
}

const json = (value: unknown) => answer('application/json', JSON.stringify(value));
const page = (text: string) => answer('text/html; charset=utf-8', text);

function outcome(control: unknown, candidate: unknown, ...rules: readonly CompareRule[]): string {
  return compareAnswers(json(control), json(candidate), rules).outcome;
}

describe('a moment written in two ways', () => {
  const rule = sameFormat('/at', 'timestamp', 'The service writes UTC');
  it.each([
    ['2027-01-31T12:00:00Z', '2027-01-31T13:00:00+01:00'],
    ['2027-01-31T12:00:00Z', '2027-01-31 12:00:00.000z'],
    ['2027-01-31T12:00:00.1200Z', '2027-01-31T12:00:00.12+00:00'],
    ['2027-01-31T23:30:00-01:00', '2027-02-01T00:30:00Z'],
  ])('%s and %s are one', (control, candidate) => {
    expect(outcome({ at: control }, { at: candidate }, rule)).toBe('match');
    expect(outcome({ at: control }, { at: candidate })).toBe('mismatch');
  });
  it.each([
    ['another time zone taken for the same', '2027-01-31T12:00:00Z', '2027-01-31T12:00:00+01:00'],
    ['a fraction cut', '2027-01-31T12:00:00.123456Z', '2027-01-31T12:00:00.123Z'],
    ['no offset, so no moment', '2027-01-31T12:00:00', '2027-01-31T12:00:00Z'],
    ['a day that does not exist', '2027-02-30T12:00:00Z', '2027-03-02T12:00:00Z'],
  ])('finds %s', (_, control, candidate) => {
    expect(outcome({ at: control }, { at: candidate }, rule)).toBe('mismatch');
  });
});

test('case and spaces may differ where a rule says so, and nowhere else', () => {
  const rules = [sameFormat('/*/code', 'case', 'why'), sameFormat('/*/text', 'space', 'why')];
  const control = [{ code: 'AB', text: 'a b' }];
  expect(outcome(control, [{ code: 'ab', text: ' a\n\tb ' }], ...rules)).toBe('match');
  expect(outcome(control, [{ code: 'ab', text: 'ab' }], ...rules)).toBe('mismatch');
  expect(outcome(control, [{ code: 'AB', text: 'A b' }], ...rules)).toBe('mismatch');
});

describe('one side mapped', () => {
  it('by a table, and a value that the table lacks stays as it is', () => {
    const rule = mapSide('/items/*/state', 'control', { 1: 'active', 9: 'deleted' }, 'Codes have names now');
    const control = { items: [{ state: 1 }, { state: 9 }] };
    expect(outcome(control, { items: [{ state: 'active' }, { state: 'deleted' }] }, rule)).toBe('match');
    expect(outcome(control, { items: [{ state: 'active' }, { state: 'active' }] }, rule)).toBe('mismatch');
    expect(outcome({ items: [{ state: 5 }] }, { items: [{ state: 'active' }] }, rule)).toBe('mismatch');
  });

  it('by a function, which gets a number that JavaScript cannot hold as its text', () => {
    const seen: unknown[] = [];
    const rule = mapSide(
      '/id',
      'candidate',
      (value) => {
        seen.push(value);
        return Number(value);
      },
      'Ids are texts now',
    );
    expect(outcome({ id: 42 }, { id: '42' }, rule)).toBe('match');
    const big = compareAnswers(
      answer('application/json', '{"id":1}'),
      answer('application/json', '{"id":9007199254740993}'),
      [rule],
    );
    expect(big.outcome).toBe('mismatch');
    expect(seen).toContain('9007199254740993');
  });

  it('pairs the items of a set, too', () => {
    const rules = [
      unordered('/items', 'A set', 'id'),
      mapSide('/items/*/id', 'control', String, 'Ids are texts now'),
      unordered('/tags', 'A set'),
      sameFormat('/tags/*', 'case', 'why'),
    ];
    const control = {
      items: [
        { id: 1, n: 1 },
        { id: 2, n: 2 },
      ],
      tags: ['a', 'b'],
    };
    const candidate = {
      items: [
        { id: '2', n: 2 },
        { id: '1', n: 1 },
      ],
      tags: ['B', 'A'],
    };
    expect(outcome(control, candidate, ...rules)).toBe('match');
  });
});

describe('a page as its visitors have it', () => {
  const rule = asHtml('The service renders with another engine');
  const control = page(
    '<html><head><title>Shop</title><style>b{}</style></head><body><p class=x>Bread  <b>knife</b>, 19,90&nbsp;€</p>' +
      '<a href="/p/1">more</a><script>var a=1</script></body></html>',
  );
  const places = (text: string, rules: readonly CompareRule[] = [rule]) =>
    compareAnswers(control, page(text), rules).differences.map((one) => `${placeOf(one)} ${one.kind}`);

  it('is the same with other markup, and another without the rule', () => {
    const other =
      '<!doctype html><title>Shop</title><div id=7>\n<span>Bread knife</span>, 19,90 €</div><div><a data-x href="/p/1">more</a></div>';
    expect(places(other)).toEqual([]);
    expect(places(other, [])).toEqual(['body value']);
  });

  it('differs in a price, a link, a title, a line too many', () => {
    const text = (price: string, href: string, title: string, more = '') =>
      `<title>${title}</title><p>Bread knife, ${price} €</p><a href="${href}">more</a>${more}`;
    expect(places(text('19,99', '/p/1', 'Shop'))).toEqual(['body /text/0 value']);
    expect(places(text('19,90', '/p/2', 'Shop'))).toEqual(['body /links/0/a value']);
    expect(places(text('19,90', '/p/1', 'Ship'))).toEqual(['body /title value']);
    expect(places(text('19,90', '/p/1', 'Shop', '<p>Sale!'))).toEqual(['body /text length', 'body /text/2 extra']);
  });

  it('obeys the other rules of the route, and is laid out line by line', () => {
    const candidate = page('<title>Shop</title><p>Bread knife, 19,99 €</p><a href="/p/1">more</a>');
    expect(compareAnswers(control, candidate, [rule, ignore('/text/0', 'The price moves')]).outcome).toBe('ignored');
    expect(sideBySide(control, candidate, [rule]).rows).toContainEqual({
      kind: 'changed',
      control: '    "Bread knife, 19,90 €"',
      candidate: '    "Bread knife, 19,99 €"',
    });
  });
});

describe('the terms of a rule', () => {
  const rules = compileRules(
    [ignore('/a', 'why', { owner: 'shop', until: '2027-01-31' })],
    Date.parse('2027-01-31T23:59:59Z'),
  );

  it('hold to the end of its last day', () => {
    expect(rules.holdsUntil).toBe(Date.parse('2027-02-01'));
    expect(compareAnswers(json({ a: 1 }), json({ a: 2 }), rules).outcome).toBe('ignored');
  });

  it('are over on the next one: the difference counts again', () => {
    const later = compileRules(
      rules.uses.map(({ rule }) => rule),
      Date.parse('2027-02-01'),
    );
    expect(compareAnswers(json({ a: 1 }), json({ a: 2 }), later).outcome).toBe('mismatch');
    expect(later.uses).toMatchObject([{ expired: true, count: 0 }]);
    expect(later.holdsUntil).toBe(Number.POSITIVE_INFINITY);
  });
});

test('each rule counts the places in which it mattered, and one that never did counts none', () => {
  const rules = compileRules([
    ignore('/took', 'why'),
    tolerance('/price', 0.01, 'why'),
    unordered('/tags', 'why'),
    sameFormat('/at', 'timestamp', 'why'),
    mapSide('/state', 'control', { 1: 'on' }, 'why'),
    ignoreHeader('x-a', 'why'),
    asHtml('why'),
    ignore('/never', 'why'),
  ]);
  const control = { took: 1, price: 1, tags: [1, 2], at: '2027-01-31T12:00:00Z', state: 1, never: 1 };
  const candidate = { took: 2, price: 1.01, tags: [2, 1], at: '2027-01-31T12:00:00.0Z', state: 'on', never: 1 };
  for (let time = 0; time < 3; time++) {
    compareAnswers(json(control), json(candidate), rules);
  }
  compareAnswers({ ...json(1), rawHeaders: ['X-A', '1'] }, { ...json(1), rawHeaders: ['X-A', '2'] }, rules);
  compareAnswers(page('<p>a'), page('<b>a</b>'), rules);
  expect(rules.uses.map(({ count }) => count)).toEqual([3, 3, 3, 3, 3, 1, 1, 0]);
});

test('a name that occurs twice is paired in the order of its occurrence, wherever its members stand', () => {
  const written = (body: string) => answer('application/json', body);
  const outcomeOf = (candidate: string) =>
    compareAnswers(written('{"a":1,"b":3,"a":2}'), written(candidate), []).outcome;
  expect(outcomeOf('{"b":3,"a":1,"a":2}')).toBe('match');
  expect(outcomeOf('{"b":3,"a":2,"a":1}')).toBe('mismatch');
  expect(outcomeOf('{"b":3,"c":1,"a":2}')).toBe('mismatch');
});
