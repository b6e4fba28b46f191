-- What decides about one statement that writes a guarded table. Called by each capability's trigger functions.

-- The timeline that this server writes. pg_control_checkpoint() lags behind it after a promotion.
CREATE OR REPLACE FUNCTION strangler.guard_timeline() RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
RETURN ('x' || pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::integer;

-- True after a failover to a server, or to a history, that the workflow has not confirmed yet.
CREATE OR REPLACE FUNCTION strangler.guard_shut(it strangler.guard) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
RETURN it.timeline <> strangler.guard_timeline()
    OR it.system_identifier <> (SELECT system_identifier::text FROM pg_catalog.pg_control_system());

-- Notes who writes. Never waits: a row that another writer of the name holds is passed over, and a new one is begun.
CREATE OR REPLACE FUNCTION strangler.guard_observe(it strangler.guard, relation oid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  application constant text := left(coalesce(current_setting('application_name', true), ''), 64);
  mine tid;
BEGIN
  -- A row that changed since a REPEATABLE READ transaction began cannot be counted up in it: it gets a row of its own.
  IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
    SELECT w.ctid INTO mine FROM strangler.guard_writer w
     WHERE w.capability = it.capability AND w.relation = guard_observe.relation::regclass
       AND w.database_user = session_user AND w.application_name = application
     LIMIT 1 FOR UPDATE SKIP LOCKED;
    UPDATE strangler.guard_writer w SET writes = w.writes + 1, last_at = clock_timestamp() WHERE w.ctid = mine;
    IF FOUND THEN RETURN; END IF;
  END IF;
  IF (SELECT count(*) FROM strangler.guard_writer w WHERE w.capability = it.capability) < 1000 THEN
    INSERT INTO strangler.guard_writer (capability, relation, database_user, application_name)
    VALUES (it.capability, guard_observe.relation::regclass, session_user, application);
  END IF;
END
$guard$;

-- Refuses. The sequence survives the rollback that follows, the line in the server's log names the writer.
CREATE OR REPLACE FUNCTION strangler.guard_refuse(it strangler.guard, relation oid, code text, why text, hint text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
BEGIN
  PERFORM nextval(format('strangler.%I', 'guard_refused_' || replace(it.capability, '-', '_'))::regclass);
  RAISE LOG 'strangler: refused a write of % by user "%", application "%": %',
    relation::regclass, session_user, current_setting('application_name', true), why;
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = why, HINT = hint,
    DETAIL = format('Capability %s, %s side: %s, epoch %s.', it.capability, it.side, it.state, it.epoch);
END
$guard$;

-- Lets one statement pass, or refuses it. The caller holds the capability's lock and, under REPEATABLE READ and
-- SERIALIZABLE, the row: what is read here is what it has read.
CREATE OR REPLACE FUNCTION strangler.guard_judge(capability text, relation oid, followed boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  it strangler.guard;
  is_sync boolean;
BEGIN
  SELECT * INTO it FROM strangler.guard g WHERE g.capability = guard_judge.capability;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING
      -- A transaction with a snapshot from before the guard was installed does not see the row.
      ERRCODE = CASE WHEN current_setting('transaction_isolation') LIKE 'read %' THEN 'ST006' ELSE '40001' END,
      MESSAGE = format('nobody may write %s here: its guard has no row', capability),
      HINT = 'Begin the transaction again; if that does not help, remove the guard or install it again.';
  END IF;
  is_sync := session_user::text = ANY (it.sync_roles);
  PERFORM set_config('strangler.system_identifier', c.system_identifier::text, false) FROM pg_control_system() c;

  IF it.mode = 'observe' THEN
    IF NOT is_sync THEN PERFORM strangler.guard_observe(it, relation); END IF;

  ELSIF strangler.guard_shut(it) THEN
    PERFORM strangler.guard_refuse(it, relation, 'ST004',
      format('nobody may write %s here: this server has failed over since the owner was confirmed', it.capability),
      'The workflow confirms the owner (strangler status says how far it is). Retry after that.');

  ELSIF followed THEN
    IF NOT is_sync THEN
      PERFORM strangler.guard_refuse(it, relation, 'ST005',
        format('%s belongs to the monolith; here it is a copy that only the sync writes', relation::regclass),
        'Write it in the monolith: the change arrives here by itself.');
    END IF;

  ELSIF is_sync THEN
    IF it.state <> 'closed' THEN
      PERFORM strangler.guard_refuse(it, relation, 'ST003',
        format('the sync may not write %s here: this side is its owner', it.capability),
        'A change of the other side from before the owner moved must not be applied any more. Dismiss it.');
    END IF;

  ELSIF it.state = 'open' THEN
    IF transaction_timestamp() <= it.opened_at THEN
      RAISE EXCEPTION USING ERRCODE = '40001',
        MESSAGE = format('this transaction began before the writes of %s came to this side', it.capability),
        DETAIL = 'What it read may be older than what the other side wrote last.',
        HINT = 'Begin the transaction again.';
    END IF;

  ELSIF it.state = 'closed' THEN
    PERFORM strangler.guard_refuse(it, relation, 'ST001',
      format('the writes of %s belong to the %s', it.capability,
             CASE it.side WHEN 'monolith' THEN 'service' ELSE 'monolith' END),
      'Send this write through the proxy. It came past the proxy, or was under way when the owner moved.');

  ELSIF clock_timestamp() < it.deadline THEN
    PERFORM strangler.guard_refuse(it, relation, 'ST002',
      format('the writes of %s are just moving to the %s', it.capability,
             CASE it.side WHEN 'monolith' THEN 'service' ELSE 'monolith' END),
      'Begin the transaction again in a second, through the proxy.');

  -- Whoever set the fence has not come back in time: the shop goes on. The marker tells the stream that this side is
  -- open again, ahead of the rows of this transaction, and it makes the flip of this attempt impossible.
  ELSIF NOT EXISTS (SELECT FROM strangler.marker m WHERE m.attempt = it.attempt AND m.kind = 'open'
                    AND m.writer = pg_current_xact_id()::text::bigint) THEN
    INSERT INTO strangler.marker (capability, epoch, attempt, kind, writer)
    VALUES (it.capability, it.epoch, it.attempt, 'open', pg_current_xact_id()::text::bigint);
  END IF;
END
$guard$;
