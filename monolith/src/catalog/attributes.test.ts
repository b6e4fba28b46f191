import { describe, expect, it } from 'vitest';
import { attributesByName, packAttributes, unpackAttributes } from './attributes.ts';

describe('packed attributes', () => {
  it('are separated by semicolons, name and value by the first equals sign', () => {
    expect(attributesByName('colour=red;formula=E=mc²')).toEqual({ colour: 'red', formula: 'E=mc²' });
  });

  it('may hold semicolons, equals signs and backslashes behind a backslash', () => {
    expect(attributesByName('care=wash cold\\; dry flat;a\\=b=c;path=C:\\\\x')).toEqual({
      care: 'wash cold; dry flat',
      'a=b': 'c',
      path: 'C:\\x',
    });
  });

  it('keep a backslash that stands before any other character or at the end', () => {
    expect(unpackAttributes('path=C:\\temp\\')).toEqual([{ name: 'path', value: 'C:\\temp\\' }]);
  });

  it('may have entries without a name, and empty ones are nothing', () => {
    expect(unpackAttributes(';gift idea;;=red;')).toEqual([
      { name: undefined, value: 'gift idea' },
      { name: '', value: 'red' },
    ]);
    expect(attributesByName(';gift idea;;=red;')).toEqual({});
  });

  it('let the last of a name count, in the place of the first', () => {
    expect(JSON.stringify(attributesByName('size=M;colour=red;size=L'))).toBe('{"size":"L","colour":"red"}');
  });

  it('can be named like what every object has', () => {
    expect(JSON.stringify(attributesByName('__proto__=x;constructor=y'))).toBe('{"__proto__":"x","constructor":"y"}');
  });

  it('come back as they were when they are packed and unpacked', () => {
    const attributes = { 'a=b;c\\': '\\;=\\', plain: '', 'ü "quoted"': '<b>' };
    expect(attributesByName(packAttributes(attributes))).toEqual(attributes);
  });
});
