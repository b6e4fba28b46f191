/** What one check found. */
export interface Finding {
  readonly ok: boolean;
  readonly found: string;
  /** What would mend it; null if nothing is wrong. */
  readonly mend: string | null;
}
