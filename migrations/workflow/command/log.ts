import type { AuditEntry, AuditProof } from '../control/audit.ts';
import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `strangler log`. Gives its exit status: 2 if the log is not as it was written. */
export async function log(
  settings: Settings,
  options: { readonly json: boolean; readonly words: readonly string[]; readonly limit: string | undefined },
  terminal: Terminal,
): Promise<number> {
  const [capability] = options.words;
  const query = new URLSearchParams({
    limit: options.limit ?? '20',
    ...(capability === undefined ? {} : { capability }),
  });
  const { entries, proof } = (await controlClient(settings.control).get(`/log?${query}`)) as {
    entries: readonly AuditEntry[];
    proof: AuditProof;
  };
  if (options.json) terminal.print(JSON.stringify({ entries, proof }));
  else {
    const rows = entries.map(({ seq, at, capability: of, event, who, why }) =>
      [String(seq), at.slice(0, 19).replace('T', ' '), of ?? '-', event, who, why].map((text) => ({ text })),
    );
    if (rows.length > 0) terminal.print(formatTable(rows));
    const verdict = proof.intact
      ? `${proof.entries} entries, each with the hash of the one before it; the last is ${proof.head.slice(0, 16)}`
      : `The log is not as it was written: entry ${proof.broken_at} was changed or removed`;
    terminal.talk(`\n${proof.intact ? verdict : terminal.paint('red', verdict)}`);
  }
  return proof.intact ? 0 : 2;
}
