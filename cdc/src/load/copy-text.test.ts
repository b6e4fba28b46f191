import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCopyLine, mapCopy, parseCopyLine } from './copy-text.ts';

const value = fc.option(
  fc.string({ unit: fc.constantFrom('a', '\\', '\t', '\n', '\r', '\v', 'N', '.', 'ä', '€', '"', '\b') }),
);
const row = fc.array(value, { minLength: 1, maxLength: 5 });

test('a row that is formatted and parsed is the row again', () => {
  fc.assert(
    fc.property(row, (values) => {
      const line = formatCopyLine(values);
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(parseCopyLine(line.slice(0, -1))).toEqual(values);
    }),
  );
});

test('rows come through whole wherever the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1 }), fc.integer({ min: 1, max: 7 }), async (rows, size) => {
      const whole = Buffer.from(rows.map(formatCopyLine).join(''));
      const chunks = [];
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
      const seen: unknown[] = [];
      const mapped = Readable.from(chunks).pipe(
        mapCopy((values) => {
          seen.push(values);
          return values;
        }),
      );
      expect(await textOf(mapped)).toBe(whole.toString());
      expect(seen).toEqual(rows);
    }),
    { numRuns: 50 },
  );
});
