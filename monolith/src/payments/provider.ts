import { createHash } from 'node:crypto';

/** What the provider says to a charge. */
export type Charge =
  | { readonly ok: true; readonly reference: string }
  | { readonly ok: false; readonly reference: string; readonly reason: string };

/** Cards that always fail, by their last four digits; every other one is fine. */
const FAILING_CARDS: Readonly<Record<string, string>> = {
  '0002': 'card declined',
  '0069': 'card expired',
  '9995': 'insufficient funds',
};

/**
 * Charges a card, at a simulated provider: nothing leaves the process and no money moves.
 *
 * The same order always has the same fate, so that what went wrong can be looked at again.
 *
 * @param failureRate share of charges, 0 to 1, that fail although the card is fine.
 */
export function charge(orderNumber: string, card: string, failureRate: number): Charge {
  const digest = createHash('sha256').update(orderNumber).digest();
  const reference = `PAY-${digest.toString('hex', 4, 12).toUpperCase()}`;
  const reason = FAILING_CARDS[card.slice(-4)];
  if (reason !== undefined) return { ok: false, reference, reason };
  if (digest.readUInt32BE(0) / 2 ** 32 < failureRate)
    return { ok: false, reference, reason: 'provider did not answer' };
  return { ok: true, reference };
}
