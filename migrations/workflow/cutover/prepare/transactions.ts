import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

const OLD = '5 s';

/** No transaction is so old that the fence would wait for it, or its marker in the stream. */
export async function checkTransactions({ databases, migration, from }: Attempt): Promise<Finding> {
  const rows = await databases[from](
    `SELECT pid, prepared, database_user, application_name, round(seconds) AS seconds, holds_lock
     FROM strangler.guard_blockers($1, $2::interval)`,
    [migration.capability, OLD],
  );
  if (rows.length === 0) return { ok: true, found: `none is older than ${OLD}`, mend: null };
  const named = rows.map(({ pid, prepared, database_user, application_name, seconds, holds_lock }) => {
    const who = prepared === null ? `pid ${pid} ("${application_name}")` : `the prepared transaction ${prepared}`;
    return `${who} of ${database_user}, ${seconds} s${holds_lock ? ', has written these tables' : ''}`;
  });
  return {
    ok: false,
    found: `transactions that a fence or its marker would wait for: ${named.join('; ')}`,
    mend: 'Let them end, or end them: SELECT pg_terminate_backend(pid), ROLLBACK PREPARED',
  };
}
