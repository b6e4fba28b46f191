import { expect, test } from 'vitest';
import { endOfRecords, parseLsn } from './log-place.ts';
import { shareLaterLooks } from './owner-places.ts';

test('whoever asks while a look is under way gets what a later one sees, and all who do share it', async () => {
  const looks: PromiseWithResolvers<string>[] = [];
  const read = shareLaterLooks(() => {
    const look = Promise.withResolvers<string>();
    looks.push(look);
    return look.promise;
  });
  const first = read();
  const others = [read(), read(), read()];
  expect(looks).toHaveLength(1);
  looks[0]?.resolve('before their writes');
  expect(await first).toBe('before their writes');
  expect(looks).toHaveLength(2);
  const last = read();
  looks[1]?.resolve('behind their writes');
  expect(await Promise.all(others)).toEqual(Array(3).fill('behind their writes'));
  expect(looks).toHaveLength(3);
  looks[2]?.resolve('behind the last write');
  expect(await last).toBe('behind the last write');
});

test('a place right behind the head of a page or of a segment is the end of the page before it', () => {
  expect(endOfRecords(parseLsn('0/2002018'))).toBe(parseLsn('0/2002000'));
  expect(endOfRecords(parseLsn('16/3000028'))).toBe(parseLsn('16/3000000'));
  for (const inside of ['0/2002020', '0/2002028', '0/2001FF8', '16/3000030']) {
    expect(endOfRecords(parseLsn(inside))).toBe(parseLsn(inside));
  }
});
