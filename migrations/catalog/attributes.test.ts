import fc from 'fast-check';
import { expect, test } from 'vitest';
import { useDatabase } from '../define/testing.ts';
import { attributes } from './attributes.ts';

const database = useDatabase('attributes');

const forward = (text: string) => attributes.forward({ attr_txt: text }).attributes as string;
const back = (json: string) => attributes.back({ attributes: json }).attr_txt;

const anyText = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.string({
      unit: fc.constantFrom('a', 'b', '=', ';', '\\', '"', ' ', '\n', '\u0001', '\u007f', 'é', '🍐'),
    }),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')) },
);

test('a packed text becomes the list that the shop shows', () => {
  expect(forward('colour=red;size=XL')).toBe('[{"name": "colour", "value": "red"}, {"name": "size", "value": "XL"}]');
  expect(forward('')).toBe('[]');
  expect(forward('dishwasher safe')).toBe('[{"value": "dishwasher safe"}]');
  expect(forward('=x')).toBe('[{"name": "", "value": "x"}]');
  expect(forward('formula=a\\=b\\;c\\\\d')).toBe('[{"name": "formula", "value": "a=b;c\\\\d"}]');
});

test('a spelling that is not the usual one is kept beside the meaning', () => {
  expect(forward('a=b=c')).toBe('[{"raw": "a=b=c", "name": "a", "value": "b=c"}]');
  expect(forward('\\red')).toBe('[{"raw": "\\\\red", "value": "\\\\red"}]');
  expect(forward('path=C:\\temp\\')).toBe(
    '[{"raw": "path=C:\\\\temp\\\\", "name": "path", "value": "C:\\\\temp\\\\"}]',
  );
  expect(forward('a=b\\')).toBe('[{"raw": "a=b\\\\", "name": "a", "value": "b\\\\"}]');
  expect(forward('a=1;')).toBe('[{"name": "a", "value": "1"}, {"value": ""}]');
});

test('every text there is comes back to the letter', () => {
  fc.assert(
    fc.property(anyText, (text) => back(forward(text)) === text),
    { numRuns: 3_000 },
  );
});

test('what is written is what PostgreSQL prints for it', async () => {
  const texts = fc.sample(anyText, 500);
  const written = texts.map(forward);
  const printed = await database.query('SELECT (json::jsonb)::text AS json FROM unnest($1::text[]) AS list(json)', [
    written,
  ]);
  expect(printed.map((row) => row.json)).toEqual(written);
});

test('a list that the service wrote comes back as the same list, or is refused', () => {
  const entry = fc.record({ name: anyText, value: anyText }, { requiredKeys: ['value'] });
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const json = `[${entries
        .map(
          (each) =>
            `{${Object.entries(each)
              .map(([key, text]) => `"${key}": ${JSON.stringify(text)}`)
              .join(', ')}}`,
        )
        .join(', ')}]`;
      // The one list without a text: its entry would be spelled like no entry at all.
      if (json === '[{"value": ""}]') expect(() => back(json)).toThrow('attributes cannot carry');
      else expect(forward(back(json) as string)).toBe(json);
    }),
    { numRuns: 2_000 },
  );
});

test('a list that no text unpacks to is refused', () => {
  const wrong = [
    '{"value": "a"}',
    '["a"]',
    '[{"name": "a"}]',
    '[{"name": "a", "value": 1}]',
    '[{"name": "a", "value": "b", "unit": "cm"}]',
    '[{"raw": "a=b", "name": "a", "value": "b"}]',
    '[{"raw": "a=b\\\\", "name": "a", "value": "b\\\\"}, {"value": "c"}]',
    '[{"raw": "a;b", "value": "a;b"}]',
    '[{"value": ""}]',
  ];
  for (const json of wrong) expect(() => back(json), json).toThrow('attributes cannot carry');
});

test('NULL stays NULL', () => {
  expect(attributes.forward({ attr_txt: null })).toEqual({ attributes: null });
  expect(attributes.back({ attributes: null })).toEqual({ attr_txt: null });
});
