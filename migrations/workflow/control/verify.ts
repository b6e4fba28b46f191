import { execFile } from 'node:child_process';
import type pg from 'pg';
import { z } from 'zod';
import type { Verification } from '../cutover/attempt.ts';

const reports = z.object({
  verifications: z.array(
    z.object({
      verdict: z.enum(['equal', 'different', 'unsettled']),
      tables: z.array(
        z.object({
          target: z.string(),
          rows: z.number(),
          missing: z.number(),
          extra: z.number(),
          different: z.number(),
        }),
      ),
      notes: z.array(z.string()),
    }),
  ),
});

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** How change data capture is asked. */
export interface Verifier {
  readonly pool: pg.Pool;
  /** The program; undefined: nobody can be asked. */
  readonly cdc: string | undefined;
  /** Beside our own environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The newest verification if `isFresh` likes its age, else a new one, which is kept. */
export async function verification(
  { pool, cdc, environment, signal }: Verifier,
  capability: string,
  isFresh: (ageMs: number) => boolean,
): Promise<Verification> {
  const kept = await lastVerification(pool, capability);
  if (kept !== undefined && isFresh(kept.ageMs)) return kept;
  if (isFresh(0) && isFresh(Number.POSITIVE_INFINITY)) return kept ?? NEVER;
  if (cdc === undefined) {
    return { verdict: 'unknown', ageMs: 0, rows: 0, note: 'this control plane knows no cdc to ask (STRANGLER_CDC)' };
  }
  const found = await run(cdc, environment, capability, signal);
  if (found.verdict !== 'unknown') {
    await pool.query(
      `INSERT INTO control.capability (name, verification, verified_at) VALUES ($1, $2, now())
       ON CONFLICT (name) DO UPDATE SET verification = excluded.verification, verified_at = excluded.verified_at`,
      [capability, JSON.stringify(found)],
    );
  }
  return found;
}

const NEVER: Verification = { verdict: 'unknown', ageMs: Number.POSITIVE_INFINITY, rows: 0, note: null };

/** The newest that is kept. */
export async function lastVerification(pool: pg.Pool, capability: string): Promise<Verification | undefined> {
  const { rows } = await pool.query(
    `SELECT verification, extract(epoch FROM now() - verified_at)::float8 * 1000 AS age_ms
     FROM control.capability WHERE name = $1 AND verification IS NOT NULL`,
    [capability],
  );
  return rows[0] && { ...rows[0].verification, ageMs: rows[0].age_ms };
}

/** Runs `cdc verify`, in our environment but for the roles that it connects as. */
function run(
  cdc: string,
  environment: Verifier['environment'],
  capability: string,
  signal: AbortSignal,
): Promise<Verification> {
  const isScript = /\.[cm]?[jt]s$/.test(cdc);
  const args = [...(isScript ? [cdc] : []), 'verify', '--capability', capability, '--json'];
  return new Promise((done) => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, signal, env: { ...process.env, ...environment } };
    execFile(isScript ? process.execPath : cdc, args, options, (error, stdout, stderr) => {
      const parsed = reports.safeParse(parse(stdout));
      const [report] = parsed.success ? parsed.data.verifications : [];
      if (report === undefined) {
        const note = `cdc verify failed: ${(stderr || (error?.message ?? 'it said nothing')).trim().slice(-400)}`;
        done({ verdict: 'unknown', ageMs: 0, rows: 0, note });
        return;
      }
      const rows = report.tables.reduce((sum, table) => sum + table.rows, 0);
      const wrong = report.tables.filter(({ missing, extra, different }) => missing + extra + different > 0);
      const note = wrong.map(
        ({ target, missing, extra, different }) =>
          `${target}: ${missing} missing, ${extra} extra, ${different} different`,
      );
      done({ verdict: report.verdict, ageMs: 0, rows, note: [...note, ...report.notes].join('; ') || null });
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
