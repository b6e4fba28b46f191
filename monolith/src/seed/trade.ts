import { ANNA_ID } from './people.ts';
import { type SeededProduct, timestamp } from './products.ts';
import type { Random } from './random.ts';
import type { Row } from './rows.ts';

/** Everything that follows from orders; filled by {@link trade}, one array per table. */
export interface Trade {
  readonly orders: Row[];
  readonly lines: Row[];
  readonly payments: Row[];
  readonly shipments: Row[];
  readonly reviews: Row[];
  /** Product id -> pieces that orders not yet shipped hold. */
  readonly reserved: ReadonlyMap<number, number>;
}

const FIRST_ORDER = Date.UTC(2024, 0, 2, 8) / 1000;
const LAST_ORDER = Date.UTC(2026, 10, 15, 20) / 1000;

const REVIEWS: Readonly<Record<number, readonly (readonly [title: string, text: string])[]>> = {
  5: [
    ['Exactly right', 'I did not know that I was looking for this. Now I have given two away as presents.'],
    ['Better than the picture', 'Well made, quickly delivered, packed without plastic. What more could one want?'],
    ['Für immer', 'Genau so habe ich es mir vorgestellt. Danke!'],
    ['Every day for a year', 'Used daily since last spring and it looks like new.'],
    ['A present that was kept', 'My sister, who likes nothing, likes it.'],
  ],
  4: [
    ['Good, with one but', 'Does what it should. The colour is a little darker than on my screen.'],
    ['Would buy again', 'Solid. One star less because the box was bigger than the thing deserved.'],
    ['Très bien', 'Belle qualité, livraison un peu lente.'],
    ['Nearly perfect', 'I would have liked it five centimetres longer. Otherwise a joy.'],
  ],
  3: [
    ['It is all right', 'Neither more nor less than what one pays for.'],
    ['Hm', 'Fine in itself, but the description promised more than it holds.'],
    ['Took its time', 'Two weeks to Austria. The thing itself is decent.'],
  ],
  2: [
    ['Expected more', 'After three months the finish has begun to come off. Service answered kindly, though.'],
    ['Too small', 'Please write the measurements larger; I had to send it back.'],
  ],
  1: [
    ['Arrived broken', 'And the replacement too. A pity.'],
    ['Not for me', 'It smells of the ship on which it came.'],
  ],
};

/** The shop's past: `count` orders, oldest first, and what came of them. */
export function trade(count: number, users: readonly Row[], products: readonly SeededProduct[], random: Random): Trade {
  const shelf = [...products].sort((a, b) => a.rank - b.rank);
  const reserved = new Map<number, number>();
  const seen = new Set<string>();
  const result = { orders: [], lines: [], payments: [], shipments: [], reviews: [], reserved } as {
    [Key in keyof Trade]: Key extends 'reserved' ? Map<number, number> : Row[];
  };
  for (let id = 1; id <= count; id++) {
    const placed = Math.floor(FIRST_ORDER + ((LAST_ORDER - FIRST_ORDER) * (id - random.number())) / count);
    const user = users[id % 300 === 7 ? ANNA_ID - 1 : random.integer(1, users.length - 1)]!;
    const state = stateOf(id / count, random);
    const size = Math.min(random.integer(1, 4), random.integer(1, 4));
    const bought = [
      ...new Set(Array.from({ length: size }, () => shelf[Math.floor(random.number() ** 1.7 * shelf.length)]!)),
    ];
    let cents = 0;
    bought.forEach((product, index) => {
      const quantity = random.chance(0.8) ? 1 : random.integer(2, 4);
      cents += quantity * product.cents;
      result.lines.push([id, index + 1, product.id, quantity, (product.cents / 100).toFixed(2)]);
      if (state === 10 || state === 20) reserved.set(product.id, (reserved.get(product.id) ?? 0) + quantity);
      const pair = `${product.id}/${user[0]}`;
      if (state === 40 && random.chance(0.55) && !seen.has(pair)) {
        seen.add(pair);
        result.reviews.push(
          review(
            result.reviews.length + 1,
            product.id,
            Number(user[0]),
            placed + random.integer(300_000, 2_000_000),
            random,
          ),
        );
      }
    });
    const shipping = cents >= 5_000 ? 0 : 490;
    const number = `O-${new Date(placed * 1000).getUTCFullYear()}-${String(id).padStart(6, '0')}`;
    const address = `${user[3]}\n${user[5]}\n${user[6]} ${user[7]}\n${user[8]}`;
    const total = ((cents + shipping) / 100).toFixed(2);
    result.orders.push([
      id,
      number,
      user[0]!,
      state,
      total,
      (shipping / 100).toFixed(2),
      address,
      timestamp(placed),
      timestamp(placed + random.integer(60, 200_000)),
    ]);
    if (state !== 10) result.payments.push(payment(result.payments.length + 1, id, total, state, placed));
    if (state >= 20 && state <= 40)
      result.shipments.push(shipment(result.shipments.length + 1, id, state, placed, random));
  }
  return result;
}

/** An order's state by its place in time: the newest are still on their way. */
function stateOf(age: number, random: Random): number {
  if (random.chance(0.02)) return 95;
  if (random.chance(0.03)) return 90;
  if (age > 0.995) return random.chance(0.2) ? 10 : 20;
  if (age > 0.98) return random.chance(0.3) ? 20 : 30;
  return 40;
}

function payment(id: number, order: number, total: string, state: number, placed: number): Row {
  const code = state === 95 ? 'F' : state === 90 ? 'R' : 'C';
  const reference = `PAY-${(order * 7919 + 104_729).toString(36).toUpperCase()}`;
  return [id, order, total, code, reference, code === 'F' ? 'card declined' : null, timestamp(placed + 2)];
}

function shipment(id: number, order: number, state: number, placed: number, random: Random): Row {
  const sent = state >= 30;
  const tracking = sent ? `00${340_434_161_000_000 + order * 7 + random.integer(0, 6)}` : null;
  return [
    id,
    order,
    random.chance(0.8) ? 'DHL' : 'GLS',
    tracking,
    state === 40 ? 'D' : sent ? 'S' : 'P',
    sent ? timestamp(placed + 86_400) : null,
  ];
}

function review(id: number, product: number, user: number, written: number, random: Random): Row {
  const stars = random.pick([5, 5, 5, 5, 4, 4, 4, 3, 3, 2, 1]);
  const [title, text] = random.pick(REVIEWS[stars]!);
  return [
    id,
    product,
    user,
    stars,
    title,
    random.chance(0.85) ? text : '',
    random.chance(0.01) ? 'H' : 'P',
    timestamp(written),
  ];
}
