/** One thing that is wrong with a declaration, or with the databases that it is for. */
export interface Fault {
  /** `catalog: tables[0] prod -> product: columns.price_cents` */
  readonly where: string;
  /** What is wrong. */
  readonly problem: string;
  /** What to do about it. */
  readonly mend: string;
}

/** A declaration cannot be used. Its message lists every fault, so that one round of mending is enough. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      `${faults.length === 1 ? 'One fault' : `${faults.length} faults`} in the declarations:\n${describeFaults(faults)}`,
    );
    this.faults = faults;
  }
}

/** The faults as a list that a person reads: where, what, and how to mend it. */
export function describeFaults(faults: readonly Fault[]): string {
  return faults.map(({ where, problem, mend }) => `- ${where}\n    ${problem}\n    -> ${mend}`).join('\n');
}
