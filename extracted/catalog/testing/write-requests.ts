/** A request to an administrator's route. */
export type WriteRequest = [method: string, target: string, body?: string];

const product = (change: Record<string, unknown>) =>
  JSON.stringify({ sku: 'ZZ-1', name: 'New', category: 'home/kitchen', price: '1.00', ...change });
const BIG = { ok: 'x'.repeat(160), tooLong: 'x'.repeat(161), emoji: '😀'.repeat(80), moreEmoji: `${'😀'.repeat(80)}x` };

/** One after the other: each meets what those before it have left. */
export const WRITES: WriteRequest[] = [
  ['POST', '/api/admin/products', product({})],
  ['POST', '/api/admin/products', product({})],
  [
    'POST',
    '/api/admin/products',
    product({ sku: ' ZZ-2 ', name: '  Blanks around \n', brand: ' B ', old_price: '', tax: 'none', weight_g: 0 }),
  ],
  [
    'POST',
    '/api/admin/products',
    product({
      sku: 'ZZ-3',
      attributes: { 'a=b': 'c;d\\', b: '', '2': 'x', '1': 'y', __proto__: 'z' },
      status: 'hidden',
    }),
  ],
  [
    'POST',
    '/api/admin/products',
    '{"sku":"ZZ-4","name":"N","category":"home","price":0,"attributes":{"__proto__":"x","constructor":"y"}}',
  ],
  ...[BIG.ok, BIG.tooLong, BIG.emoji, BIG.moreEmoji, '', ' ', 'a\0b', '\u00a0\ufeff', 5, null, [], {}].flatMap(
    (name, at): [string, string, string][] => [
      ['POST', '/api/admin/products', product({ sku: `ZN-${at}`, name })],
      ['POST', '/api/admin/products', product({ sku: `ZB-${at}`, brand: name })],
      ['POST', '/api/admin/products', product({ sku: `ZC-${at}`, category: name })],
      ['POST', '/api/admin/products', product({ sku: name })],
      ['POST', '/api/admin/products', product({ sku: `ZD-${at}`, description: name, attributes: name })],
      ['POST', '/api/admin/products', product({ sku: `ZE-${at}`, attributes: { [String(name).slice(0, 70)]: name } })],
      ['PUT', '/api/admin/products/8', JSON.stringify({ tax: name, status: name, weight_g: name, old_price: name })],
    ],
  ),
  ...['0', '0.1', '0.10', '19.999', '99999999.99', '100000000', '-1', '-0', '1e2', '.5', ' 1', '1\n', '', 'x'].flatMap(
    (price): [string, string, string][] => [
      ['PUT', '/api/admin/products/9', JSON.stringify({ price })],
      ['PUT', '/api/admin/products/9', JSON.stringify({ old_price: price })],
      ...(/^-?[0-9.]+$/.test(price) && price[0] !== '.'
        ? [['PUT', '/api/admin/products/9', `{"price":${price},"old_price":${price}}`] as [string, string, string]]
        : []),
    ],
  ),
  ['PUT', '/api/admin/products/9', '{"price":0.30000000000000004}'],
  ['PUT', '/api/admin/products/9', '{"price":1e21,"weight_g":1e3}'],
  ['PUT', '/api/admin/products/9', '{"weight_g":1.0}'],
  ['PUT', '/api/admin/products/9', '{"weight_g":1000001}'],
  ['PUT', '/api/admin/products/9', '{"weight_g":1.5,"price":true,"sku":null,"name":false}'],
  ['PUT', '/api/admin/products/9', '{}'],
  ['PUT', '/api/admin/products/9', '{"unknown":1,"toString":2}'],
  ['PUT', '/api/admin/products/9', '{"sku":"ZZ-1"}'],
  ['PUT', '/api/admin/products/9', '{"sku":"ZZ-1","category":"nope"}'],
  ['PUT', '/api/admin/products/9', '{"category":"nope","price":"x","status":"deleted"}'],
  ['PUT', '/api/admin/products/9', '{"category":"home/"}'],
  ['PUT', '/api/admin/products/9', '{"status":"hidden","attributes":{}}'],
  [
    'PUT',
    '/api/admin/products/9',
    JSON.stringify({ attributes: Object.fromEntries([...Array(50).keys()].map((n) => [`n${n}`, 'v'])) }),
  ],
  [
    'PUT',
    '/api/admin/products/9',
    JSON.stringify({ attributes: Object.fromEntries([...Array(51).keys()].map((n) => [`n${n}`, 'v'])) }),
  ],
  ...['0', 'x', '007', '7.5', '2147483648', '2147483647'].flatMap((id): [string, string, string?][] => [
    ['PUT', `/api/admin/products/${id}`, '{"name":"x"}'],
    ['PUT', `/api/admin/products/${id}`, 'no json'],
    ['DELETE', `/api/admin/products/${id}`],
  ]),
  ...['', 'no json', '{', '[]', '5', 'null', '"x"', `{"name":"${'x'.repeat(110_000)}"}`, '\ufeff{}'].flatMap(
    (body): [string, string, string][] => [
      ['POST', '/api/admin/products', body],
      ['PUT', '/api/admin/products/10', body],
    ],
  ),
  ['GET', '/api/products/9'],
  ['DELETE', '/api/admin/products/9'],
  ['DELETE', '/api/admin/products/9'],
  ['GET', '/api/products/9'],
  ['PUT', '/api/admin/products/9', '{"name":"back"}'],
  ['PUT', '/api/admin/products/9', '{"name":""}'],
  ['GET', '/api/products?sort=newest&per_page=50'],
  ['GET', '/api/search?q=Blanks'],
];
