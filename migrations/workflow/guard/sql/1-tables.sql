-- The tables of the guard. The same in the monolith's and in the service's database; once per database.
CREATE SCHEMA IF NOT EXISTS strangler;

-- Who may write a capability's tables here. One row per capability; the old owner's row is the decision of a cut-over.
-- It changes with the ownership and at no other time: a transaction that reads it under REPEATABLE READ fails if it did.
CREATE TABLE IF NOT EXISTS strangler.guard (
  capability        text        PRIMARY KEY,
  side              text        NOT NULL CHECK (side IN ('monolith', 'service')),
  -- observe: every write passes, and whoever wrote is noted. enforce: what may not write is refused.
  mode              text        NOT NULL DEFAULT 'observe' CHECK (mode IN ('observe', 'enforce')),
  -- open: this side is the owner. fenced: it is, but ownership is just leaving it. closed: the other side is.
  state             text        NOT NULL CHECK (state IN ('open', 'fenced', 'closed')),
  -- Raised by each decision.
  epoch             bigint      NOT NULL DEFAULT 1,
  -- The attempt that brought the row into this state; null where none did.
  attempt           uuid,
  -- Of a fence, on this server's clock: past it the old owner's writes pass again.
  deadline          timestamptz CHECK ((deadline IS NOT NULL) = (state = 'fenced')),
  -- When ownership last came here from the other side.
  opened_at         timestamptz,
  opened_xid        xid8,
  -- The server's history in which the row was last confirmed. In another one, after a failover, nobody may write.
  system_identifier text        NOT NULL,
  timeline          integer     NOT NULL,
  -- Who applies the other side's changes, by session_user.
  sync_roles        text[]      NOT NULL,
  retired_at        timestamptz,
  -- The other server's history, <identifier>/<timeline>, for which no opening decided before it can happen here.
  barred            text
);

-- The tables as they were declared; their partitions and inheritance children are guarded too.
CREATE TABLE IF NOT EXISTS strangler.guard_table (
  capability text     NOT NULL REFERENCES strangler.guard ON DELETE CASCADE,
  relation   regclass NOT NULL,
  -- A table that stays the monolith's: on the service's side only the sync writes it.
  followed   boolean  NOT NULL,
  PRIMARY KEY (capability, relation)
);

-- What is said in a change stream about ownership: a row among the capability's rows, in order with them.
CREATE TABLE IF NOT EXISTS strangler.marker (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  capability text        NOT NULL,
  epoch      bigint      NOT NULL,
  attempt    uuid,
  kind       text        NOT NULL CHECK (kind IN ('fence', 'open', 'probe')),
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The transaction of a writer that passed a fence after its deadline; null where the workflow wrote the marker.
  writer     bigint
);
CREATE INDEX IF NOT EXISTS marker_attempt ON strangler.marker (attempt, kind);

-- Who wrote while the guard observed. A name has as many rows as writers of that name were at work at once, so that
-- none of them waits for another; bounded by guard_observe().
CREATE TABLE IF NOT EXISTS strangler.guard_writer (
  capability       text        NOT NULL REFERENCES strangler.guard ON DELETE CASCADE,
  relation         regclass    NOT NULL,
  database_user    text        NOT NULL,
  application_name text        NOT NULL,
  writes           bigint      NOT NULL DEFAULT 1,
  first_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at          timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS guard_writer_name ON strangler.guard_writer (capability, relation, database_user, application_name);
