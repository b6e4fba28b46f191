import { randomBytes, randomUUID } from 'node:crypto';
import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import type { Query, TableName } from 'strangler-migrations/define';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { installGuard } from '../install.ts';
import { type Attempt, enforce, fence, flip, open, undo } from '../ownership.ts';
import type { GuardPlan, Side } from '../plan.ts';

/** A database with a guard, and sessions of the roles that meet it. Test code only. */
export interface Guarded {
  readonly capability: string;
  /** The superuser's session: administrator and table owner. */
  readonly admin: pg.Client;
  readonly query: Query;
  plan(over?: Partial<GuardPlan>): GuardPlan;
  readonly roles: { readonly owner: string; readonly app: string; readonly sync: string; readonly workflow: string };
  /** Another session; ended after the test. */
  session(role?: 'app' | 'sync' | 'workflow' | 'admin', options?: Partial<pg.ClientConfig>): Promise<pg.Client>;
  readonly url: string;
}

export const CAPABILITY = 'catalog';

/** A query port on a client. */
export function queryOn(client: pg.Client): Query {
  return async (sql, values) => {
    const result = await client.query(sql, [...values]);
    return Array.isArray(result) ? [] : result.rows;
  };
}

const table = (name: string): TableName => ({ schema: 'public', name });

/** A database of the test file with these tables, guarded and enforcing unless told otherwise. */
export function useGuarded(
  setup: string,
  over: Partial<GuardPlan> & { readonly side?: Side; readonly install?: boolean; readonly enforced?: boolean } = {},
): Guarded {
  const { install = true, enforced = true, ...planned } = over;
  const suffix = randomBytes(4).toString('hex');
  const roles = {
    owner: `owner_${suffix}`,
    app: `app_${suffix}`,
    sync: `sync_${suffix}`,
    workflow: `workflow_${suffix}`,
  };
  let admin: pg.Client;
  let url: string;
  let drop: () => Promise<void>;
  const sessions: pg.Client[] = [];
  const plan = (more: Partial<GuardPlan> = {}): GuardPlan => ({
    capability: CAPABILITY,
    side: 'monolith',
    owned: [table('item')],
    followed: [],
    ownerRole: roles.owner,
    workflowRole: roles.workflow,
    syncRoles: [roles.sync],
    ...planned,
    ...more,
  });
  beforeAll(async () => {
    const database = await createDatabase('guard');
    drop = database.drop;
    url = database.url;
    admin = new pg.Client({ connectionString: url, application_name: 'admin' });
    await admin.connect();
    for (const role of [roles.app, roles.sync, roles.workflow])
      await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await admin.query(`CREATE SCHEMA IF NOT EXISTS strangler;
      CREATE TABLE strangler.stream_marker (capability text, direction text, kind text, epoch bigint, attempt uuid, applied_at timestamptz DEFAULT now())`);
    await admin.query(setup);
    await admin.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${roles.app}, ${roles.sync}; GRANT CREATE ON SCHEMA public TO ${roles.app};
      GRANT SET ON PARAMETER session_replication_role TO ${roles.sync};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${roles.app}, ${roles.sync}`);
    if (install) await installGuard(queryOn(admin), plan());
    if (install && enforced) await enforce(queryOn(admin), CAPABILITY, 1);
  });
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((client) => client.end().catch(() => {})));
  });
  afterAll(async () => {
    for (const role of Object.values(roles)) await admin?.query(`DROP OWNED BY ${role} CASCADE`).catch(() => {});
    await admin?.end();
    await drop?.();
    // Roles belong to the server; these are of this file alone.
    const server = new pg.Client({ connectionString: inject('postgresUrl') });
    await server.connect();
    for (const role of Object.values(roles)) await server.query(`DROP ROLE IF EXISTS ${role}`);
    await server.end();
  });
  return {
    capability: CAPABILITY,
    roles,
    plan,
    get admin() {
      return admin;
    },
    get url() {
      return url;
    },
    get query() {
      return queryOn(admin);
    },
    async session(role = 'app', options = {}) {
      const address = new URL(url);
      if (role !== 'admin') {
        address.username = roles[role];
        address.password = 'x';
      }
      const client = new pg.Client({ connectionString: address.href, application_name: role, ...options });
      client.on('error', () => {});
      await client.connect();
      // As in every session that has written before: the guard asks for its server's identifier once.
      await client.query(
        `SELECT set_config('strangler.system_identifier', system_identifier::text, false) FROM pg_control_system()`,
      );
      sessions.push(client);
      return client;
    },
  };
}

/** Moves a capability's owner away from the side of this database, and back. Each gives the row. */
export function mover(shop: Guarded) {
  let epoch = 1;
  const begin = async (deadlineMs = 60_000) => {
    const attempt = { capability: CAPABILITY, epoch, attempt: randomUUID() };
    await fence(shop.query, attempt, deadlineMs);
    return attempt;
  };
  return {
    fence: begin,
    async undo(attempt: Attempt) {
      epoch = (await undo(shop.query, attempt)).epoch;
    },
    async close() {
      const attempt = await begin();
      epoch = (await flip(shop.query, attempt, 100)).epoch;
      return attempt;
    },
    async open() {
      const attempt = randomUUID();
      await shop.admin.query(`INSERT INTO strangler.stream_marker VALUES ($1, $2, 'fence', $3, $4)`, [
        CAPABILITY,
        shop.plan().side === 'monolith' ? 'reverse' : 'forward',
        epoch,
        attempt,
      ]);
      epoch = (await open(shop.query, { capability: CAPABILITY, epoch: epoch + 1, attempt })).epoch;
    },
    get epoch() {
      return epoch;
    },
  };
}

/** Resolves once a session waits for a lock, or in `pg_sleep`. */
export async function untilWaiting(shop: Guarded, client: pg.Client, what: 'Lock' | 'Timeout' = 'Lock'): Promise<void> {
  const pid = (client as pg.Client & { processID: number }).processID;
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { rowCount } = await shop.admin.query(
      `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = $2`,
      [pid, what],
    );
    if (rowCount === 1) return;
    if (Date.now() > deadline) throw new Error('the session does not wait');
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

/** The SQLSTATE with which a statement fails, or undefined when it does not. */
export async function stateOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  );
}
