import * as define from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { compareAnswers } from './compare-answers.ts';
import { suggestRule } from './suggest-rule.ts';

const json = (value: unknown) => ({
  status: 200,
  rawHeaders: ['Content-Type', 'application/json'],
  body: Buffer.from(JSON.stringify(value)),
  truncated: false,
});

/** A rule as it is pasted, carried out. */
function pasted(rule: string): define.CompareRule {
  return new Function(...Object.keys(define), `return ${rule};`)(...Object.values(define));
}

test.for<[string, unknown, unknown]>([
  [`unordered('/tags', 'WHY')`, { tags: [1, 2, 3] }, { tags: [3, 1, 2] }],
  [
    `sameFormat('/items/*/at', 'timestamp', 'WHY')`,
    { items: [{ at: '2027-01-31T12:00:00Z' }] },
    { items: [{ at: '2027-01-31T13:00:00+01:00' }] },
  ],
  [`sameFormat('/code', 'case', 'WHY')`, { code: 'AB' }, { code: 'ab' }],
  [`sameFormat('/name', 'space', 'WHY')`, { name: 'Bread  knife' }, { name: 'Bread knife ' }],
  [`tolerance('/rating', 0.01, 'WHY')`, { rating: 4.25 }, { rating: 4.26 }],
  [`tolerance('/rating', 0.0004, 'WHY')`, { rating: 4.3333 }, { rating: 4.3329 }],
  [`ignore('/price', 'WHY')`, { price: 19.9 }, { price: 99.9 }],
  [`ignore('/took', 'WHY')`, {}, { took: 1 }],
  [`ignore('/items/*/it\\'s', 'WHY')`, { items: [{ "it's": 1 }] }, { items: [{}] }],
])('%s is suggested, and excuses what it was suggested for', ([rule, control, candidate]) => {
  const [difference] = compareAnswers(json(control), json(candidate), []).differences;
  expect(suggestRule(difference!).rule).toBe(rule);
  expect(compareAnswers(json(control), json(candidate), [pasted(rule)]).outcome).not.toBe('mismatch');
});

test('a status is never excused', () => {
  const [difference] = compareAnswers(json(1), { ...json(1), status: 404 }, []).differences;
  expect(suggestRule(difference!)).toEqual({ why: expect.stringContaining('no rule excuses it') });
});
