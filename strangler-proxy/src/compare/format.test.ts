import { ignore } from 'strangler-migrations/define';
import { expect, it } from 'vitest';
import { compareAnswers } from './compare-answers.ts';
import { formatComparison } from './format.ts';

function json(value: unknown, status = 200) {
  return {
    status,
    rawHeaders: ['Content-Type', 'application/json'],
    body: Buffer.from(JSON.stringify(value)),
    truncated: false,
  };
}

it('reads as a list of places with both values', () => {
  const rules = [ignore('/took', 'Time taken')];
  const comparison = compareAnswers(
    json({ price: '19.90', old: '', took: 1 }),
    json({ price: '19.9', took: 2 }, 201),
    rules,
  );
  expect(formatComparison(comparison)).toBe(
    [
      'mismatch: 3 differences, 1 ignored by rule',
      '',
      '  status differs',
      '    - control    200',
      '    + candidate  201',
      '',
      '  body /price differs',
      '    - control    "19.90"',
      '    + candidate  "19.9"',
      '',
      '  body /old missing from the candidate',
      '    - control    ""',
      '',
      '  ignored',
      '    body /took: differs (Time taken)',
    ].join('\n'),
  );
});

it('fits its columns, counts wide characters double, and lets no escape sequence through', () => {
  const text = (end: string) => ({ ['名'.repeat(80)]: `${'寿司'.repeat(60)}\u001b[31m\u202e${end}` });
  const report = formatComparison(compareAnswers(json(text('a')), json(text('b')), []));
  for (const line of report.split('\n')) {
    const columns = [...line].reduce((sum, character) => sum + (/[\u2e80-\u9fff]/.test(character) ? 2 : 1), 0);
    expect(columns).toBeLessThanOrEqual(100);
  }
  expect(report).not.toContain('\u001b');
  expect(report).not.toContain('\u202e');
});

it('colours only when told to', () => {
  const comparison = compareAnswers(json(1), json(2), []);
  expect(formatComparison(comparison)).not.toContain('\u001b[');
  expect(formatComparison(comparison, { color: true })).toContain('\u001b[31m    - control    1\u001b[39m');
});

it('shows a bounded number of differences and counts the rest', () => {
  const list = (start: number) => Array.from({ length: 90 }, (_, index) => start + index);
  const report = formatComparison(compareAnswers(json(list(0)), json(list(100)), []), { differences: 2 });
  expect(report).toContain('mismatch: 90 differences');
  expect(report.endsWith('  and 88 more')).toBe(true);
});
