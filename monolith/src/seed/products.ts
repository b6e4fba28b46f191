import { packAttributes } from '../catalog/attributes.ts';
import { ASSORTMENT, type Leaf, type Section } from './assortment.ts';
import type { Random } from './random.ts';
import type { Row } from './rows.ts';

/** What the orders and reviews of the past have to know about a product. */
export interface SeededProduct {
  readonly id: number;
  readonly cents: number;
  /** Low is popular; products at the front of this order are bought most. */
  readonly rank: number;
}

interface Shelf {
  readonly section: Section;
  readonly leaf: Leaf;
  readonly path: string;
}

const SHELVES: readonly Shelf[] = ASSORTMENT.flatMap((department) =>
  department.sections.flatMap((section) =>
    section.leaves.map((leaf) => ({ section, leaf, path: `${department.code}/${section.code}/${leaf.code}` })),
  ),
);

/** The categories' rows: every level, plus one that was closed years ago and is still in the database. */
export function categories(): Row[] {
  const rows: Row[] = [];
  const add = (code: string, name: string, path: string, position: number, active = 'Y') =>
    rows.push([rows.length + 1, code, name, path, position, active]);
  ASSORTMENT.forEach((department, i) => {
    add(department.code, department.name, department.code, (i + 1) * 10);
    department.sections.forEach((section, j) => {
      add(section.code, section.name, `${department.code}/${section.code}`, (j + 1) * 10);
      section.leaves.forEach((leaf, k) => {
        add(leaf.code, leaf.name, `${department.code}/${section.code}/${leaf.code}`, (k + 1) * 10);
      });
    });
  });
  add('video-rental', 'Video rental', 'electronics/video-rental', 90, 'N');
  return rows;
}

const COLLECTIONS =
  'Alba|Fjord|Linnea|Ostsee|Harz|Mistral|Juno|Klara|Ørsted|Bruno|Talia|Vega|Hedda|Norden|Piet|Samt|Rügen|Tilda|Emma|Kiefer|Selma|Wanda|Oda|Luis'.split(
    '|',
  );

/** One row per product, ids from 1; `onProduct` hears of each that customers may have bought. */
export function* products(count: number, random: Random, onProduct: (product: SeededProduct) => void): Generator<Row> {
  const remarkable = new Map(REMARKABLE.map((row) => [row[0] as number, row]));
  for (let id = 1; id <= count; id++) {
    const row = remarkable.get(id) ?? ordinary(id, random);
    onProduct({ id, cents: Math.round(Number(row[6]) * 100), rank: remarkable.has(id) ? id / 1_000 : random.number() });
    yield row;
  }
}

function ordinary(id: number, random: Random): Row {
  const { section, leaf, path } = SHELVES[(id * 7) % SHELVES.length]!;
  const noun = random.pick(leaf.nouns);
  const variant = random.pick(leaf.variants);
  const isTitle = path.startsWith('books/') || path.startsWith('toys/games/');
  const name = isTitle ? `${noun} (${variant})` : `${random.pick(COLLECTIONS)} ${lowerFirst(noun)}, ${variant}`;
  const cents = price(leaf, random);
  const created = 1_640_995_200 + Math.floor((id / (id + 900)) * 120_000_000) + random.integer(0, 12_000_000);
  const updated = created + random.integer(3_600, 9_000_000);
  return [
    id,
    `${leaf.prefix}-${String(id).padStart(4, '0')}`,
    name,
    description(section, random),
    random.chance(0.12) ? null : random.pick(section.brands),
    path,
    decimal(cents),
    random.chance(0.16) ? decimal(Math.round((cents * random.integer(112, 150)) / 1000) * 10) : null,
    path.startsWith('books/') || path.endsWith('/seeds') ? 2 : 1,
    packed(leaf, random),
    random.chance(0.03) ? 2 : random.chance(0.02) ? 9 : 1,
    random.chance(0.06)
      ? null
      : Math.round((leaf.weight[0] + (leaf.weight[1] - leaf.weight[0]) * random.number() ** 2) / 10) * 10,
    random.integer(0, 5),
    timestamp(created),
    timestamp(updated),
  ];
}

/** Prices crowd at the lower end and end on 90, 95 or 99 cents, as they do. */
function price(leaf: Leaf, random: Random): number {
  const [least, most] = leaf.price;
  const euros = Math.floor(least + (most - least) * random.number() ** 2.2);
  return euros * 100 + random.pick([90, 90, 95, 99, 50]);
}

function description(section: Section, random: Random): string {
  const first = random.integer(0, section.sentences.length - 1);
  const length = random.integer(2, 3);
  return Array.from({ length }, (_, n) => section.sentences[(first + n) % section.sentences.length]).join(' ');
}

function packed(leaf: Leaf, random: Random): string {
  const attributes: Record<string, string> = {};
  for (const [name, values] of Object.entries(leaf.attributes)) {
    if (random.chance(0.92)) attributes[name] = random.pick(values);
  }
  return packAttributes(attributes) + (random.chance(0.02) ? ';gift idea' : '') + (random.chance(0.02) ? ';' : '');
}

function lowerFirst(noun: string): string {
  return /^(LED|USB|[A-Z]-)/.test(noun) ? noun : noun.charAt(0).toLowerCase() + noun.slice(1);
}

function decimal(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** Seconds since 1970 as PostgreSQL's `timestamp`, UTC. */
export function timestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** Products with a history: what years of hand-typed data look like. Columns as in {@link products}. */
const REMARKABLE: readonly Row[] = [
  [
    7,
    'KN-0007',
    "Chef's knife",
    'The one that stays out on the board. Carbon steel, walnut handle, 20 cm; sharpened by hand in Solingen.',
    null,
    'home/kitchen/knives',
    '19.90',
    null,
    1,
    'colour=red;size=XL',
    1,
    350,
    1,
    '2024-03-05 14:22:10',
    '2024-03-06 09:01:44',
  ],
  [
    8,
    'TW-0008',
    'Mug "Über & Out"',
    'Holds 0.3 l and an opinion.\nDishwasher-safe, <unlike> the opinion.',
    'Tavola',
    'home/kitchen/tableware',
    '14.90',
    '18.00',
    1,
    'print=Über \\= out;colour=white;material=porcelain',
    1,
    340,
    2,
    '2022-02-11 08:00:00',
    '2024-01-09 10:30:00',
  ],
  [
    9,
    'KW-0009',
    '100% wool jumper “Ærø”',
    'Undyed wool of island sheep. It scratches for a week and then never again.',
    'Wool & Weather',
    'fashion/clothing/knitwear',
    '129.00',
    null,
    1,
    'material=100% wool;size=M;size=L;care=wash cold\\; dry flat',
    1,
    780,
    0,
    '2021-10-01 07:15:00',
    '2023-11-20 16:45:12',
  ],
  [
    10,
    'CA-0010',
    'Adapter snake_case\\CON',
    'For ports that nobody has any more. Do not ask how many we still sell.',
    'Kabelbar',
    'electronics/computing/computer-accessories',
    '7.95',
    null,
    1,
    'path=C:\\temp;formula=E=mc²;gift idea',
    1,
    45,
    3,
    '2019-05-17 11:11:11',
    '2022-08-01 00:00:00',
  ],
  [
    11,
    'GR-0011',
    'Smørrebrød board',
    'The category it was filed under was renamed in 2017; it was not.',
    'Nordhavn',
    'home/kitchen/boards',
    '24.50',
    null,
    1,
    'material=beech',
    1,
    900,
    4,
    '2016-06-06 06:06:06',
    '2017-07-07 07:07:07',
  ],
  [
    12,
    'CB-0012',
    'Äpfel, Birnen & "Quitten"',
    'Forty recipes and a quarrel about the right one. In German.',
    'Werkstatt Verlag',
    'books/non-fiction/cookbooks',
    '22.00',
    null,
    2,
    'language=German;pages=176;=first edition',
    1,
    640,
    2,
    '2023-09-14 09:00:00',
    '2023-09-14 09:00:00',
  ],
  [
    13,
    'GC-0013',
    'Gift card',
    'Arrives by post in an envelope that one would rather not open. Worth what it costs.',
    null,
    'office',
    '25.00',
    null,
    3,
    '',
    1,
    0,
    5,
    '2012-11-30 12:00:00',
    '2012-11-30 12:00:00',
  ],
  [
    14,
    'VR-0014',
    'Membership card, video rental',
    'For those who still rewind.',
    null,
    'electronics/video-rental',
    '5.00',
    '10.00',
    1,
    'valid=until further notice',
    1,
    5,
    1,
    '2009-04-01 12:00:00',
    '2011-02-03 04:05:06',
  ],
  [
    15,
    'DL-0015',
    "Clamp lamp 'Prototype'",
    'Not for sale yet.',
    'Lumo',
    'office/desk/desk-lamps',
    '99.00',
    null,
    1,
    'colour=raw steel',
    2,
    1400,
    2,
    '2025-12-01 09:30:00',
    '2026-01-15 18:00:00',
  ],
  [
    16,
    'LA-0016',
    'Lava lamp, recalled',
    'It was too warm.',
    'Lumo',
    'home/living/lamps',
    '39.00',
    null,
    1,
    'colour=orange',
    9,
    1900,
    0,
    '2018-01-01 00:00:00',
    '2019-01-01 00:00:00',
  ],
];
