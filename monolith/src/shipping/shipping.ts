const FLAT_RATE_CENTS = 490;
const FREE_FROM_CENTS = 5_000;

/** What shipping costs, in cents, for goods worth `subtotal` cents. */
export function shippingCents(subtotal: number): number {
  return subtotal === 0 || subtotal >= FREE_FROM_CENTS ? 0 : FLAT_RATE_CENTS;
}

/** What is missing to free shipping, in cents; 0 when it is free. */
export function missingToFreeShipping(subtotal: number): number {
  return Math.max(0, FREE_FROM_CENTS - subtotal);
}

/** The carrier's number of a parcel; simulated, so it follows from the order. */
export function trackingNumber(orderId: number): string {
  return `00${340_434_161_000_000 + orderId * 7}`;
}
