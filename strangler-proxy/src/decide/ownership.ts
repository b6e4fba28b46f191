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
