/** A decimal of the database, as text or as Prisma's Decimal, in cents. */
export function toCents(decimal: { toString(): string }): number {
  return Math.round(Number(decimal.toString()) * 100);
}

/** Cents as the API and the database write money: `19.90`. */
export function fromCents(cents: number): string {
  return (cents / 100).toFixed(2);
}
