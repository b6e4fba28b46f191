import { z } from 'zod';

/** Which of the two sides of a migration. */
export type Side = 'monolith' | 'service';

/** Who may write a capability's data: exactly one side, always. */
export interface Ownership {
  ownerOf(capability: string): Side;
  /** Rises with every change of the owner, and with every attempt at one that was undone. Never falls. */
  epochOf(capability: string): number;
}

/** Before any cut-over the monolith owns everything. */
export const MONOLITH_OWNS_ALL: Ownership = { ownerOf: () => 'monolith', epochOf: () => 1 };

/** What the control plane says of one capability, and what the proxy keeps of it. */
export interface Order {
  readonly capability: string;
  readonly owner: Side;
  readonly epoch: number;
  /** Rises with everything that the control plane says, also within one epoch. */
  readonly version: number;
  /** The attempt at a change of owner that writes wait for; null while they flow. */
  readonly hold: string | null;
}

/** An order as it is read from the control plane and from the disk. */
export const ORDER: z.ZodType<Order> = z.object({
  capability: z.string(),
  owner: z.enum(['monolith', 'service']),
  epoch: z.int().positive(),
  version: z.int().nonnegative(),
  hold: z.string().nullable(),
});

/** Ownership that follows orders. */
export interface OrderedOwnership extends Ownership {
  /**
   * Takes an order, unless it is older than what is known: epochs rise, and within one epoch versions do. A control plane
   * that was replaced and does not know it cannot take anything back.
   *
   * @returns whether it changed anything
   */
  take(order: Order): boolean;
  /** The last order taken for each capability: the monolith's at epoch 1 where there was none. */
  orders(): readonly Order[];
}

/** Makes ownership of these capabilities. `kept`: what was known before a restart. */
export function orderedOwnership(capabilities: readonly string[], kept: readonly Order[] = []): OrderedOwnership {
  const known = new Map<string, Order>(
    capabilities.map((capability) => [capability, { capability, owner: 'monolith', epoch: 1, version: 0, hold: null }]),
  );
  const take = (order: Order): boolean => {
    const before = known.get(order.capability);
    if (before === undefined || !isNewer(order, before)) return false;
    known.set(order.capability, order);
    return true;
  };
  for (const order of kept) take(order);
  return {
    ownerOf: (capability) => known.get(capability)?.owner ?? 'monolith',
    epochOf: (capability) => known.get(capability)?.epoch ?? 1,
    take,
    orders: () => [...known.values()],
  };
}

function isNewer(order: Order, before: Order): boolean {
  return order.epoch > before.epoch || (order.epoch === before.epoch && order.version > before.version);
}
