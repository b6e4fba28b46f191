import { expect, test } from 'vitest';
import { comparePositions, formatLsn, type Position, parseLsn } from './position.ts';

const at = (lsn: string, ordinal = 0, epoch = { systemId: '7', timeline: 1 }): Position => {
  return { epoch, commitLsn: parseLsn(lsn), ordinal };
};

test('a log sequence number is printed as it was read', () => {
  for (const text of ['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF']) expect(formatLsn(parseLsn(text))).toBe(text);
  for (const text of ['', '16', '16/', '1/2/3', 'G/1', '123456789/0'])
    expect(() => parseLsn(text)).toThrow('not a log');
});

test('positions are ordered by commit, then by place in the transaction, beyond what a double can hold', () => {
  const ordered = [at('0/1'), at('0/1', 2), at('0/1', 10), at('0/2'), at('FFFFFFFF/FFFFFFFE'), at('FFFFFFFF/FFFFFFFF')];
  expect([...ordered].reverse().sort(comparePositions)).toEqual(ordered);
});

test('positions of two histories have no order', () => {
  expect(() => comparePositions(at('0/1'), at('0/2', 0, { systemId: '7', timeline: 2 }))).toThrow(
    'different histories',
  );
  expect(() => comparePositions(at('0/1'), at('0/2', 0, { systemId: '8', timeline: 1 }))).toThrow(
    'different histories',
  );
});
