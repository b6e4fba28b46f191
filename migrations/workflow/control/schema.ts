import type pg from 'pg';

/**
 * The control plane's own database. It remembers what was asked, what was done and who the proxies are; who owns what is
 * not in it: that is in the guard rows of the two databases alone.
 */
const VERSIONS: readonly string[] = [
  `CREATE TABLE control.request (
     id         uuid        PRIMARY KEY,
     capability text        NOT NULL,
     kind       text        NOT NULL CHECK (kind IN ('cutover', 'rollback')),
     -- A command, or the flag in the flag server.
     through    text        NOT NULL CHECK (through IN ('command', 'flag')),
     who        text        NOT NULL,
     why        text        NOT NULL,
     forced     text[]      NOT NULL DEFAULT '{}',
     state      text        NOT NULL DEFAULT 'waiting'
                CHECK (state IN ('waiting', 'running', 'done', 'refused', 'undone')),
     step       text,
     checks     json        NOT NULL DEFAULT '[]',
     said       text,
     figures    json        NOT NULL DEFAULT '{}',
     asked_at   timestamptz NOT NULL DEFAULT now(),
     ended_at   timestamptz
   );
   CREATE UNIQUE INDEX request_one_at_a_time ON control.request (capability) WHERE state IN ('waiting', 'running');
   CREATE INDEX request_by_time ON control.request (capability, asked_at DESC);

   -- One row per event, each with the hash of the one before it. The head is locked by who appends.
   CREATE TABLE control.audit (
     seq        bigint         PRIMARY KEY,
     at         timestamptz(3) NOT NULL,
     capability text,
     event      text           NOT NULL,
     who        text           NOT NULL,
     why        text           NOT NULL,
     request    uuid,
     -- json, not jsonb: the text that was hashed.
     figures    json           NOT NULL,
     previous   text           NOT NULL,
     hash       text           NOT NULL
   );
   CREATE TABLE control.audit_head (one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash text NOT NULL);
   INSERT INTO control.audit_head (seq, hash) VALUES (0, '');
   CREATE FUNCTION control.append_only() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'the audit log is only ever appended to'; END $$;
   CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit
     FOR EACH STATEMENT EXECUTE FUNCTION control.append_only();

   -- Every proxy that has ever reported and has not said that it is gone.
   CREATE TABLE control.proxy (
     name    text        PRIMARY KEY,
     since   timestamptz NOT NULL DEFAULT now(),
     gone_at timestamptz
   );

   CREATE TABLE control.capability (
     name         text PRIMARY KEY,
     -- What the flag said when it was last looked at or set: another value is somebody's wish.
     flag_seen    boolean,
     verification json,
     verified_at  timestamptz
   )`,
];

/** Brings the schema up to date. Several instances may start at once. */
export async function migrateSchema(client: pg.Client | pg.PoolClient): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('strangler control schema', 0))`);
    await client.query('CREATE SCHEMA IF NOT EXISTS control');
    await client.query('CREATE TABLE IF NOT EXISTS control.version (version integer NOT NULL)');
    const { rows } = await client.query<{ version: number }>('SELECT max(version) AS version FROM control.version');
    const present = rows[0]?.version ?? 0;
    for (const [index, statements] of VERSIONS.entries()) {
      if (index + 1 <= present) continue;
      await client.query(statements);
      await client.query('INSERT INTO control.version VALUES ($1)', [index + 1]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
