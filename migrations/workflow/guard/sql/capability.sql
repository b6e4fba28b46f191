-- What each capability has of its own: {{capability}}.

-- Holds no rows. Whoever writes a guarded table locks it in ROW SHARE mode to the end of the transaction, whoever
-- changes the owner in EXCLUSIVE mode. No key of an application's advisory locks can meet it.
CREATE TABLE IF NOT EXISTS strangler.guard_lock_{{name}} ();
-- How many statements were refused. A sequence, as a row would be rolled back with the refused statement.
CREATE SEQUENCE IF NOT EXISTS strangler.guard_refused_{{name}};

INSERT INTO strangler.guard (capability, side, state, system_identifier, timeline, sync_roles)
SELECT {{capability_literal}}, {{side_literal}}, {{state_literal}}, c.system_identifier::text, strangler.guard_timeline(), {{sync_roles}}
  FROM pg_catalog.pg_control_system() c
ON CONFLICT (capability) DO UPDATE SET sync_roles = excluded.sync_roles WHERE guard.sync_roles <> excluded.sync_roles;

-- Fires once per statement. The lock first and then, as a statement of its own, the row: in READ COMMITTED each statement
-- has a new snapshot, so the row is what the last fence left. REPEATABLE READ and SERIALIZABLE keep the snapshot of their
-- beginning, and FOR SHARE fails with 40001 if the row has changed since. In one statement, or in a STABLE function, the
-- row would be read as it was before the wait for the lock.
CREATE OR REPLACE FUNCTION strangler.guard_writes_{{name}}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  it record;
  is_sync boolean;
BEGIN
  LOCK TABLE strangler.guard_lock_{{name}} IN ROW SHARE MODE;
  IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
    SELECT g.mode, g.state, g.opened_at, g.timeline, g.system_identifier, g.sync_roles
      INTO it FROM strangler.guard g WHERE g.capability = {{capability_literal}};
  ELSE
    SELECT g.mode, g.state, g.opened_at, g.timeline, g.system_identifier, g.sync_roles
      INTO it FROM strangler.guard g WHERE g.capability = {{capability_literal}} FOR SHARE;
  END IF;

  -- What almost every statement meets, without a call: the owner's writers, and the sync on the other side, on a server
  -- whose history is the one that was confirmed. A session's server cannot change, so its identifier is asked for once.
  is_sync := session_user::text = ANY (it.sync_roles);
  IF it.mode = 'enforce'
     AND ((it.state = 'open' AND NOT is_sync AND (it.opened_at IS NULL OR it.opened_at < transaction_timestamp()))
          OR (it.state = 'closed' AND is_sync))
     AND left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) = lpad(upper(to_hex(it.timeline)), 8, '0')
     AND current_setting('strangler.system_identifier', true) = it.system_identifier
  THEN
    RETURN NULL;
  END IF;
  PERFORM strangler.guard_judge({{capability_literal}}, TG_RELID, false);
  RETURN NULL;
END
$guard$;
