import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

const LISTED_MAX = 5;

/**
 * While the guard observes it names everybody who writes. Whoever is none of the applications whose writes come through
 * the proxy would be refused from the cut-over on.
 */
export async function checkWriters({ databases, migration, from, applications }: Attempt): Promise<Finding> {
  const { capability } = migration;
  const rows = await databases[from](
    `SELECT database_user, application_name, sum(writes)::float8 AS writes, max(last_at) AS last_at
     FROM strangler.guard_writers($1, now() - interval '7 days') GROUP BY 1, 2 ORDER BY 4 DESC`,
    [capability],
  );
  const rogues = rows.filter(({ application_name }) => !applications.includes(String(application_name)));
  if (rogues.length === 0)
    return { ok: true, found: 'nobody writes past the proxy, as far as the guard saw', mend: null };
  const listed = rogues.slice(0, LISTED_MAX).map(({ database_user, application_name, writes, last_at }) => {
    const when = (last_at as Date).toISOString().slice(0, 19);
    return `"${application_name}" as ${database_user} (${writes} statements, last ${when}Z)`;
  });
  return {
    ok: false,
    found: `these write ${capability} past the proxy, and would be refused: ${listed.join(', ')}`,
    mend:
      'Move them to the API; or name them in STRANGLER_APPLICATIONS if their writes do come through the proxy; ' +
      'or --force writers, and they are refused from then on',
  };
}
