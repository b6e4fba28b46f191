import { createHash } from 'node:crypto';
import type pg from 'pg';

/** What happened, to be appended. */
export interface AuditEvent {
  readonly capability: string | null;
  /** One word or two: `asked`, `fence`, `undone`. */
  readonly event: string;
  readonly who: string;
  readonly why: string;
  /** The request that it belongs to. */
  readonly request: string | null;
  /** What the decision stood on. */
  readonly figures: object;
}

/** An event as it stands in the log. */
export interface AuditEntry extends AuditEvent {
  readonly seq: number;
  readonly at: string;
  readonly hash: string;
}

/** Appends an event, and gives its hash. Whoever appends waits for the one before: the order is one. */
export async function appendAudit(pool: pg.Pool, event: AuditEvent): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT seq::float8 AS seq, hash FROM control.audit_head FOR UPDATE');
    const [seq, previous] = [rows[0].seq + 1, rows[0].hash as string];
    const at = new Date().toISOString();
    const figures = JSON.stringify(event.figures);
    const hash = hashOf({ ...event, seq, at }, figures, previous);
    await client.query(
      `INSERT INTO control.audit (seq, at, capability, event, who, why, request, figures, previous, hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [seq, at, event.capability, event.event, event.who, event.why, event.request, figures, previous, hash],
    );
    await client.query('UPDATE control.audit_head SET seq = $1, hash = $2', [seq, hash]);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** The newest entries, oldest first. */
export async function readAudit(
  pool: pg.Pool,
  { capability, limit }: { readonly capability: string | null; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  const { rows } = await pool.query(
    `SELECT * FROM (SELECT ${COLUMNS} FROM control.audit WHERE $1::text IS NULL OR capability = $1
     ORDER BY seq DESC LIMIT $2) AS newest ORDER BY seq`,
    [capability, limit],
  );
  return rows.map(toEntry);
}

/** Whether the log is what was written: every hash is that of its entry and of the one before. */
export interface AuditProof {
  readonly entries: number;
  readonly intact: boolean;
  /** The first entry that is not as it was written, or is missing. */
  readonly broken_at: number | null;
  /** The hash of the last entry. Who keeps it elsewhere can tell that nothing was cut off at the end. */
  readonly head: string;
}

const PROVED_AT_ONCE = 1_000;

/** Reads the whole log and proves it. */
export async function proveAudit(pool: pg.Pool): Promise<AuditProof> {
  const { rows: heads } = await pool.query('SELECT seq::float8 AS seq, hash FROM control.audit_head');
  const head = heads[0] as { seq: number; hash: string };
  let [previous, seq] = ['', 0];
  while (seq < head.seq) {
    const { rows } = await pool.query(
      `SELECT ${COLUMNS}, figures::text AS text, previous FROM control.audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`,
      [seq, head.seq, PROVED_AT_ONCE],
    );
    const broken = { entries: head.seq, intact: false, broken_at: seq + 1, head: head.hash };
    if (rows.length === 0) return broken;
    for (const row of rows) {
      const entry = toEntry(row);
      if (entry.seq !== seq + 1 || row.previous !== previous || entry.hash !== hashOf(entry, row.text, previous)) {
        return { ...broken, broken_at: seq + 1 };
      }
      [previous, seq] = [entry.hash, entry.seq];
    }
  }
  const intact = previous === head.hash;
  return { entries: head.seq, intact, broken_at: intact ? null : head.seq, head: head.hash };
}

const COLUMNS = 'seq::float8 AS seq, at, capability, event, who, why, request, figures, hash';

function hashOf(entry: Omit<AuditEntry, 'hash' | 'figures'>, figures: string, previous: string): string {
  const { seq, at, capability, event, who, why, request } = entry;
  const text = JSON.stringify([previous, seq, at, capability, event, who, why, request, figures]);
  return createHash('sha256').update(text).digest('hex');
}

function toEntry(row: Record<string, unknown>): AuditEntry {
  const { seq, at, capability, event, who, why, request, figures, hash } = row;
  return { seq, at: (at as Date).toISOString(), capability, event, who, why, request, figures, hash } as AuditEntry;
}
