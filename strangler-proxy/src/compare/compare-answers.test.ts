import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { type CompareRule, ignore, ignoreHeader, tolerance, unordered } from 'strangler-migrations/define';
import { describe, expect, it } from 'vitest';
import type { Answer } from './answer.ts';
import { compareAnswers } from './compare-answers.ts';
import { type Comparison, placeOf } from './comparison.ts';
import { defaultRedaction } from './redact.ts';
import { compileRules } from './rules.ts';

function answer(body: string | Buffer, headers: Readonly<Record<string, string>> = {}, status = 200): Answer {
  const all = { 'Content-Type': 'application/json', ...headers };
  return { status, rawHeaders: Object.entries(all).flat(), body: Buffer.from(body), truncated: false };
}

const json = (value: unknown) => answer(JSON.stringify(value));

function compare(control: unknown, candidate: unknown, rules: readonly CompareRule[] = []): Comparison {
  return compareAnswers(json(control), json(candidate), rules);
}

function found({ differences }: Comparison): readonly string[] {
  return differences.map((difference) => `${placeOf(difference)} ${difference.kind}`);
}

const page = {
  page: 2,
  total: '2000',
  products: [
    { id: 25, name: 'Bread knife', price: 19.9, stock: 'Y' },
    { id: 26, name: 'Chef’s knife', price: 24.5, stock: 'N' },
    { id: 27, name: 'Paring knife', price: 9.9, stock: 'Y' },
  ],
};
const [first, second, third] = page.products;

describe('answers that are known to be wrong', () => {
  it.each<[string, unknown, readonly string[]]>([
    [
      'a price rounded',
      { ...page, products: [{ ...first, price: 20 }, second, third] },
      ['body /products/0/price value'],
    ],
    ['a field missing', { page: 2, products: page.products }, ['body /total missing']],
    ['a field too many', { ...page, took: 4 }, ['body /took extra']],
    ['a number for a string', { ...page, total: 2000 }, ['body /total type']],
    ['null for an object', { ...page, products: [null, second, third] }, ['body /products/0 type']],
    ['another order', { ...page, products: [third, first, second] }, ['body /products order']],
    [
      'the last item cut',
      { ...page, products: [first, second] },
      ['body /products length', 'body /products/2 missing'],
    ],
    [
      'an item gone from the middle',
      { ...page, products: [first, third] },
      ['body /products length', 'body /products/1 missing'],
    ],
    [
      'an item too many in front',
      { ...page, products: [{ id: 24 }, first, second, third] },
      ['body /products length', 'body /products/0 extra'],
    ],
  ])('finds %s', (_, candidate, expected) => {
    const comparison = compare(page, candidate);
    expect(comparison.outcome).toBe('mismatch');
    expect(found(comparison)).toEqual(expected);
  });

  it('finds an off-by-one page item by item', () => {
    const ids = (start: number) => ({ ids: [start, start + 1, start + 2] });
    expect(found(compare(ids(1), ids(2)))).toEqual(['body /ids/0 value', 'body /ids/1 value', 'body /ids/2 value']);
  });

  it('finds another status, and says it first', () => {
    const comparison = compareAnswers(json(page), answer('{"error":"NO_PROD"}', {}, 404), []);
    expect(comparison.differences[0]).toEqual({
      part: 'status',
      path: '',
      kind: 'value',
      control: '200',
      candidate: '404',
    });
  });

  it('finds an empty body and a body that is not JSON', () => {
    expect(compareAnswers(json(page), answer(''), []).differences[0]).toMatchObject({
      kind: 'type',
      candidate: 'no body: ',
    });
    expect(compareAnswers(json(page), answer('<html>'), []).differences[0]).toMatchObject({
      candidate: 'not JSON: <html>',
    });
  });

  it('finds the first byte of two files in which they differ', () => {
    const image = (bytes: readonly number[]) =>
      answer(Buffer.from([0x89, 0x00, ...bytes]), { 'Content-Type': 'image/png' });
    expect(compareAnswers(image([1, 2]), image([1, 3]), []).differences).toEqual([
      {
        part: 'body',
        path: '',
        kind: 'value',
        control: '4 bytes, from byte 3: 02',
        candidate: '4 bytes, from byte 3: 03',
      },
    ]);
  });

  it('shows of two long texts the stretch in which they part', () => {
    const html = (price: string) => answer(`${'<p>x</p>'.repeat(500)}<b>${price}</b>`, { 'Content-Type': 'text/html' });
    const [difference] = compareAnswers(html('19.90'), html('19.09'), []).differences;
    expect(difference?.control).toMatch(/^….*19\.90/);
    expect(difference?.control?.length).toBeLessThanOrEqual(240);
    expect(difference?.candidate).toMatch(/^….*19\.09/);
  });
});

describe('numbers', () => {
  it.each([
    ['9007199254740993', '9007199254740992', 'value'],
    ['0.1', '0.1000000000000000055511151231257827', 'value'],
    ['1e400', '1e401', 'value'],
    ['1E99999999999999999999', '1E99999999999999999998', 'value'],
    ['1', '1.0', 'type'],
    ['100', '1e2', 'type'],
    ['1', '"1"', 'type'],
    ['-1', '1', 'value'],
    ['123456789012345678', '123456789012345679', 'value'],
  ])('tells %s from %s', (left, right, kind) => {
    const comparison = compareAnswers(answer(`{"n":${left}}`), answer(`{"n":${right}}`), []);
    const [, shown] = /^"?(.*?)"?$/.exec(left) ?? [];
    expect(comparison.differences).toMatchObject([{ path: '/n', kind, control: shown }]);
  });

  it.each([
    ['19.90', '19.9'],
    ['1.5e3', '1500.0'],
    ['1e+2', '1E2'],
    ['0.0', '-0.000'],
    ['9007199254740993', '9007199254740993'],
    ['10e-1', '1.0'],
  ])('takes %s and %s for one', (left, right) => {
    expect(compareAnswers(answer(`[${left}]`), answer(`[ ${right}]`), []).outcome).toBe('match');
  });

  it('works tolerances out in decimal', () => {
    const rules = [tolerance('/n', 0.01, 'Rounded late')];
    const both = (left: string, right: string) =>
      compareAnswers(answer(`{"n":${left}}`), answer(`{"n":${right}}`), rules);
    expect(both('19.90', '19.91').outcome).toBe('match');
    expect(both('0.29', '0.3').outcome).toBe('match');
    expect(both('19.90', '19.9100001').outcome).toBe('mismatch');
    expect(both('9007199254740993', '9007199254740993.011').outcome).toBe('mismatch');
    expect(both('1', '1e999999999').outcome).toBe('mismatch');
    expect(both('1', '"1"').outcome).toBe('mismatch');
  });
});

describe('members', () => {
  it('have no order, and every one of a repeated name counts', () => {
    const match = (left: string, right: string) => compareAnswers(answer(left), answer(right), []).outcome;
    expect(match('{"a":1,"b":2}', '{"b":2,"a":1}')).toBe('match');
    expect(match('{"a":1,"a":2}', '{"a":2}')).toBe('mismatch');
    expect(match('{"a":1,"a":2}', '{"a":1,"a":3}')).toBe('mismatch');
    expect(match('{"a":1,"b":0,"a":2}', '{"b":0,"a":1,"a":2}')).toBe('match');
  });

  it('are named by a JSON Pointer whatever they are called', () => {
    expect(found(compare({ 'a/b': { '~': 1, __proto__: 1 } }, { 'a/b': { '~': 2 } }))).toEqual(['body /a~1b/~0 value']);
    expect(found(compare(JSON.parse('{"__proto__":1}'), { constructor: 1 }))).toEqual([
      'body /__proto__ missing',
      'body /constructor extra',
    ]);
  });

  it('are compared as bytes when they are nested too deep to be walked', () => {
    const deep = (core: number) => answer(`${'['.repeat(100_000)}${core}${']'.repeat(100_000)}`);
    expect(compareAnswers(deep(1), deep(1), []).outcome).toBe('match');
    expect(found(compareAnswers(deep(1), deep(2), []))).toEqual(['body value']);
  });
});

describe('rules', () => {
  it('ignore a value that differs, is missing or is extra, and say why', () => {
    const rules = [ignore('/products/*/stock', 'Moves between the two requests')];
    const candidate = { ...page, products: [{ ...first, stock: 'N' }, { ...second, stock: undefined }, third] };
    const comparison = compare(page, candidate, rules);
    expect(comparison).toMatchObject({ outcome: 'ignored', differenceCount: 0, ignoredCount: 2 });
    expect(comparison.ignored[1]).toMatchObject({
      path: '/products/1/stock',
      kind: 'missing',
      reason: 'Moves between the two requests',
    });
    expect(compare(page, { ...candidate, page: 3 }, rules).outcome).toBe('mismatch');
  });

  it('never say ignored where nothing differed', () => {
    expect(compare(page, page, [ignore('/page', 'x'), ignoreHeader('etag', 'x')]).outcome).toBe('match');
  });

  it('reach named places as well as every place', () => {
    const rules = [ignore('/*/a', 'x'), ignore('/one/b', 'y')];
    expect(
      compare({ one: { a: 1, b: 1 }, two: { a: 1, b: 1 } }, { one: { a: 2, b: 2 }, two: { a: 2, b: 1 } }, rules)
        .outcome,
    ).toBe('ignored');
    expect(found(compare({ two: { b: 1 } }, { two: { b: 2 } }, rules))).toEqual(['body /two/b value']);
  });

  it('pair the items of a set by a member', () => {
    const rules = [unordered('/products', 'No order promised', 'id')];
    const candidate = { ...page, products: [third, { ...first, price: 18 }, { id: 99 }] };
    expect(found(compare(page, candidate, rules))).toEqual([
      'body /products/0/price value',
      'body /products/1 missing',
      'body /products/2 extra',
    ]);
  });

  it('pair the items of a set by equality, and what is left in its order', () => {
    const rules = [unordered('/products', 'No order promised'), ignore('/products/*/stock', 'x')];
    const shuffled = [third, { ...second, price: 1 }, { ...first, stock: '?' }];
    const comparison = compare(page, { ...page, products: shuffled }, rules);
    expect(found(comparison)).toEqual(['body /products/1/price value']);
    expect(comparison.ignored.map(({ path }) => path)).toEqual(['/products/0/stock']);
  });

  it('can be compiled once and used often', () => {
    const rules = compileRules([ignore('/page', 'x')]);
    expect(compareAnswers(json({ page: 1 }), json({ page: 2 }), rules).outcome).toBe('ignored');
  });
});

describe('headers', () => {
  const both = (control: Record<string, string>, candidate: Record<string, string>, rules: CompareRule[] = []) =>
    compareAnswers(answer('{}', control), answer('{}', candidate), rules);

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['its own clock and name', { Date: 'a', Server: 'a', 'X-Powered-By': 'Shop' }, { Date: 'b' }],
    [
      'another spelling of a media type',
      { 'Content-Type': 'application/json; charset=utf-8' },
      { 'content-type': 'application/json;charset="UTF-8"' },
    ],
    [
      'another order of directives',
      { 'Cache-Control': 'private, max-age=0' },
      { 'cache-control': 'Max-Age=0,private' },
    ],
    ['another entity tag', { ETag: 'W/"1"' }, { ETag: '"2"' }],
    ['another session', { 'Set-Cookie': 'sid=a; Path=/; HttpOnly' }, { 'Set-Cookie': 'sid=b; HttpOnly; Path=/' }],
    ['what Connection names', { Connection: 'X-Hop', 'X-Hop': '1' }, {}],
  ])('are equal with %s', (_, control, candidate) => {
    const left = { status: 200, rawHeaders: Object.entries(control).flat(), body: Buffer.alloc(0), truncated: false };
    const right = { ...left, rawHeaders: Object.entries(candidate).flat() };
    expect(compareAnswers(left, right, []).outcome).toBe('match');
  });

  it.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['a lost header', { 'X-Total-Count': '2000' }, {}, 'header x-total-count missing'],
    ['a new header', {}, { 'X-Frame-Options': 'DENY' }, 'header x-frame-options extra'],
    ['another place to go', { Location: '/a' }, { Location: '/b' }, 'header location value'],
    ['a lost entity tag', { ETag: '"1"' }, {}, 'header etag missing'],
    ['other caching', { 'Cache-Control': 'no-cache' }, { 'Cache-Control': 'no-store' }, 'header cache-control value'],
    [
      'a cookie that scripts can read',
      { 'Set-Cookie': 'sid=a; HttpOnly' },
      { 'Set-Cookie': 'sid=a' },
      'header set-cookie value',
    ],
  ])('differ by %s', (_, control, candidate, expected) => {
    expect(found(both(control, candidate))).toEqual([expected]);
  });

  it('may differ where a rule says so', () => {
    const rules = [ignoreHeader('X-Total-Count', 'Nobody reads it')];
    expect(both({ 'X-Total-Count': '1' }, {}, rules)).toMatchObject({ outcome: 'ignored', differenceCount: 0 });
  });

  it('never show the value of a cookie', () => {
    const [difference] = both({ 'Set-Cookie': 'sid=secret; HttpOnly' }, { 'Set-Cookie': 'sid=secret' }).differences;
    expect(JSON.stringify(difference)).not.toContain('secret');
  });
});

describe('codings', () => {
  const text = JSON.stringify(page);
  it.each<[string, Buffer]>([
    ['gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('%s is undone before bodies are compared', (coding, body) => {
    expect(compareAnswers(json(page), answer(body, { 'Content-Encoding': coding }), []).outcome).toBe('match');
    const other = answer(body, { 'Content-Encoding': coding });
    expect(found(compareAnswers(json({ ...page, page: 3 }), other, []))).toEqual(['body /page value']);
  });

  it('that lie, or are not known, make an error', () => {
    const compareWith = (coding: string) =>
      compareAnswers(json(page), answer('{}', { 'Content-Encoding': coding }), []);
    expect(compareWith('gzip')).toMatchObject({
      outcome: 'error',
      error: 'the body of the candidate is not valid gzip',
    });
    expect(compareWith('compress').error).toContain('"compress", which is not known here');
  });

  it('cannot unpack into more than is allowed', () => {
    const bomb = answer(gzipSync(Buffer.alloc(5_000_000)), { 'Content-Encoding': 'gzip' });
    const comparison = compareAnswers(json(page), bomb, [], { limits: { decodedBytes: 1_000_000 } });
    expect(comparison).toMatchObject({
      outcome: 'error',
      error: 'the body of the candidate unpacks to more than 1000000 bytes',
    });
  });
});

describe('a comparison', () => {
  it('is an error when a body was cut and nothing else differs', () => {
    expect(compareAnswers({ ...json(page), truncated: true }, json(page), [])).toMatchObject({
      outcome: 'error',
      error: 'the body of the control is larger than what is kept',
    });
    expect(compareAnswers({ ...json(page), truncated: true, status: 500 }, json(page), []).outcome).toBe('mismatch');
  });

  it('is frozen, and keeps a bounded number of differences while it counts them all', () => {
    const list = (start: number) => Array.from({ length: 500 }, (_, index) => start + index);
    const comparison = compare(list(0), list(1000));
    expect(comparison.differenceCount).toBe(500);
    expect(comparison.differences).toHaveLength(50);
    expect(Object.isFrozen(comparison) && Object.isFrozen(comparison.differences)).toBe(true);
    expect(Object.isFrozen(comparison.differences[0])).toBe(true);
  });

  it('hides secrets in the values if asked to', () => {
    const user = (password: string) => ({
      user: { password, card: { api_key: password } },
      note: `mail a@shop.example ${password}`,
    });
    const comparison = compareAnswers(json(user('hunter2')), json({ note: 'x' }), [], { redaction: defaultRedaction });
    const shown = JSON.stringify(comparison.differences);
    expect(shown).not.toContain('a@shop.example');
    expect(comparison.differences.find(({ path }) => path === '/user')?.control).toBe(
      '{"password":[redacted],"card":{"api_key":[redacted]}}',
    );
    const both = compareAnswers(json(user('hunter2')), json(user('hunter3')), [], { redaction: defaultRedaction });
    expect(both.differences[0]).toMatchObject({
      path: '/user/password',
      control: '[redacted]',
      candidate: '[redacted]',
    });
  });
});

describe('for any JSON', () => {
  type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };
  const value = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Value>;

  function reversed(node: Value): Value {
    if (Array.isArray(node)) {
      return node.map(reversed);
    }
    if (typeof node === 'object' && node !== null) {
      return Object.fromEntries(
        Object.entries(node)
          .reverse()
          .map(([key, member]) => [key, reversed(member as Value)]),
      );
    }
    return node;
  }

  function leaves(node: Value, path: readonly string[] = []): readonly (readonly string[])[] {
    const children = typeof node === 'object' && node !== null ? Object.entries(node) : [];
    return children.length === 0 ? [path] : children.flatMap(([key, child]) => leaves(child as Value, [...path, key]));
  }

  function replaced(
    node: Value,
    [key, ...rest]: readonly string[],
    change: (old: Value) => Value | undefined,
  ): Value | undefined {
    if (key === undefined) {
      return change(node);
    }
    const children = Object.entries(node as object).map(
      ([name, child]) => [name, name === key ? replaced(child, rest, change) : child] as const,
    );
    return Array.isArray(node)
      ? children.map(([, child]) => child as Value)
      : (Object.fromEntries(children.filter(([, child]) => child !== undefined)) as Value);
  }

  const pointer = (path: readonly string[]) =>
    path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

  it('an answer matches itself, however its text is laid out', () => {
    fc.assert(
      fc.property(value, (body) => {
        const other = answer(JSON.stringify(reversed(body), undefined, 2));
        expect(compareAnswers(json(body), other, []).differences).toEqual([]);
      }),
    );
  });

  it('any one changed value is found, and its path named', () => {
    fc.assert(
      fc.property(value, fc.nat(), (body, choice) => {
        const all = leaves(body);
        const path = all[choice % all.length]!;
        const changed = replaced(body, path, (old) => (old === 'mutant' ? 'other' : 'mutant'));
        expect(compare(body, changed).differences.map((difference) => difference.path)).toEqual([pointer(path)]);
      }),
    );
  });

  it('any one lost member is found, and its path named', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value, { minKeys: 1 }), fc.nat(), (body, choice) => {
        const keys = Object.keys(body);
        const path = [keys[choice % keys.length]!];
        expect(
          found(
            compare(
              body,
              replaced(body as Value, path, () => undefined),
            ),
          ),
        ).toEqual([`body ${pointer(path)} missing`]);
      }),
    );
  });

  it('any order of a set matches', () => {
    const shuffled = fc
      .array(value, { maxLength: 8 })
      .chain((items) => fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length })));
    fc.assert(
      fc.property(shuffled, ([items, other]) => {
        expect(compare({ items }, { items: other }, [unordered('/items', 'A set')]).differences).toEqual([]);
        const keyed = (list: readonly Value[]) => ({ items: list.map((item) => ({ key: items.indexOf(item), item })) });
        expect(compare(keyed(items), keyed(other), [unordered('/items', 'A set', 'key')]).outcome).toBe('match');
      }),
    );
  });
});
