-- What the workflow may do with a guard row: nothing but these. Each is a compare-and-set on (state, epoch, attempt) in
-- a transaction of its own, gives the row as it now is, and gives it too when the same call was done before: so a call
-- whose outcome is unknown is made again, or the row is read.

-- Begins a change: settings of the transaction, the lock if asked for, then (as a statement after it) the row.
CREATE OR REPLACE FUNCTION strangler.guard_take(capability text, exclusively boolean) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'ST108', MESSAGE = 'guard rows are changed under READ COMMITTED only';
  END IF;
  -- A decision that a crash forgets is none. Stronger settings of the session stay.
  IF current_setting('synchronous_commit') IN ('off', 'local') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  IF exclusively THEN
    EXECUTE format('LOCK TABLE strangler.%I IN EXCLUSIVE MODE', 'guard_lock_' || replace(capability, '-', '_'));
  END IF;
  SELECT * INTO it FROM strangler.guard g WHERE g.capability = guard_take.capability FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'ST106', MESSAGE = format('%s has no guard in this database', capability),
      HINT = format('strangler guard install --capability %s', capability);
  END IF;
  RETURN it;
END
$guard$;

-- Raises unless the row is as the caller believes, and its server is the one that it was confirmed for.
CREATE OR REPLACE FUNCTION strangler.guard_expect(it strangler.guard, state text, epoch bigint, attempt uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $guard$
BEGIN
  IF strangler.guard_shut(it) THEN
    RAISE EXCEPTION USING ERRCODE = 'ST004', MESSAGE = format('the guard of %s is shut: this server has failed over', it.capability),
      HINT = 'Confirm the owner first (guard_reaffirm).';
  END IF;
  IF it.mode <> 'enforce' THEN
    RAISE EXCEPTION USING ERRCODE = 'ST109', MESSAGE = format('the guard of %s only observes', it.capability),
      HINT = 'Let it enforce first (guard_enforce).';
  END IF;
  IF it.state <> guard_expect.state OR it.epoch <> guard_expect.epoch
     OR (state = 'fenced' AND it.attempt IS DISTINCT FROM guard_expect.attempt) THEN
    RAISE EXCEPTION USING ERRCODE = 'ST101',
      MESSAGE = format('the guard of %s is not %s at epoch %s as expected', it.capability, state, epoch),
      DETAIL = format('It is %s at epoch %s, attempt %s.', it.state, it.epoch, coalesce(it.attempt::text, 'none')),
      HINT = 'Somebody else has decided. Read the row again.';
  END IF;
END
$guard$;

-- open -> fenced. Refuses while a table lacks its trigger. Waits 150 ms for writers, then fails with 55P03
-- (lock_not_available): writers queue behind it, so try again after a pause rather than wait longer.
CREATE OR REPLACE FUNCTION strangler.guard_fence(capability text, epoch bigint, attempt uuid, deadline interval)
RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms' AS $guard$
DECLARE
  it strangler.guard;
  fault record;
BEGIN
  IF attempt IS NULL OR deadline IS NULL OR deadline NOT BETWEEN interval '100 ms' AND interval '5 min' THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a fence has an attempt, and a deadline from 100 ms to 5 min';
  END IF;
  it := strangler.guard_take(capability, true);
  IF it.state = 'fenced' AND it.epoch = guard_fence.epoch AND it.attempt = guard_fence.attempt THEN RETURN it; END IF;
  PERFORM strangler.guard_expect(it, 'open', epoch, NULL);
  IF it.retired_at IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'ST107', MESSAGE = format('%s is retired: it does not move any more', capability);
  END IF;
  IF EXISTS (SELECT FROM strangler.marker m WHERE m.attempt = guard_fence.attempt) THEN
    RAISE EXCEPTION USING ERRCODE = 'ST101', MESSAGE = format('attempt %s has been made before', attempt),
      HINT = 'Every attempt has a new identifier.';
  END IF;
  SELECT * INTO fault FROM strangler.guard_faults(capability) f WHERE f.endangers LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'ST105', MESSAGE = fault.found, HINT = fault.mend;
  END IF;
  UPDATE strangler.guard g
     SET state = 'fenced', attempt = guard_fence.attempt, deadline = clock_timestamp() + guard_fence.deadline
   WHERE g.capability = guard_fence.capability RETURNING * INTO it;
  INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES (capability, epoch, attempt, 'fence');
  RETURN it;
END
$guard$;

-- fenced -> open, with the next epoch. Needs no lock: until now only writers past the deadline got in.
CREATE OR REPLACE FUNCTION strangler.guard_undo(capability text, epoch bigint, attempt uuid) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  it := strangler.guard_take(capability, false);
  IF it.state = 'open' AND it.epoch = guard_undo.epoch + 1 AND it.attempt = guard_undo.attempt THEN RETURN it; END IF;
  PERFORM strangler.guard_expect(it, 'fenced', epoch, attempt);
  UPDATE strangler.guard g SET state = 'open', epoch = g.epoch + 1, deadline = NULL
   WHERE g.capability = guard_undo.capability RETURNING * INTO it;
  INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES (capability, it.epoch, attempt, 'open');
  RETURN it;
END
$guard$;

-- fenced -> closed, with the next epoch: the decision. Only while nobody has passed the fence: before the deadline less
-- the margin by the clock, and, should the clock have been set, by the markers of whoever passed it.
CREATE OR REPLACE FUNCTION strangler.guard_flip(
  capability text, epoch bigint, attempt uuid, margin interval, standbys_within interval DEFAULT '1 s')
RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms' AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  PERFORM strangler.guard_await_standbys(standbys_within);
  it := strangler.guard_take(capability, true);
  IF it.state = 'closed' AND it.epoch = guard_flip.epoch + 1 AND it.attempt = guard_flip.attempt THEN RETURN it; END IF;
  PERFORM strangler.guard_expect(it, 'fenced', epoch, attempt);
  IF clock_timestamp() >= it.deadline - margin
     OR EXISTS (SELECT FROM strangler.marker m WHERE m.attempt = guard_flip.attempt AND m.kind = 'open') THEN
    RAISE EXCEPTION USING ERRCODE = 'ST102', MESSAGE = format('it is too late to flip %s', capability),
      DETAIL = format('The deadline is %s, less %s; it is %s.', it.deadline, margin, clock_timestamp()),
      HINT = 'Undo this attempt, and begin another.';
  END IF;
  UPDATE strangler.guard g SET state = 'closed', epoch = g.epoch + 1, deadline = NULL
   WHERE g.capability = guard_flip.capability RETURNING * INTO it;
  RETURN it;
END
$guard$;

-- closed -> open, on the new owner's side, with the epoch that the old owner's row got by its flip. Only if this side's
-- own ledger says that everything before the attempt's fence has been applied here.
CREATE OR REPLACE FUNCTION strangler.guard_open(capability text, epoch bigint, attempt uuid) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms' AS $guard$
DECLARE
  it strangler.guard;
  drained boolean := false;
BEGIN
  it := strangler.guard_take(capability, true);
  IF it.state = 'open' AND it.epoch = guard_open.epoch AND it.attempt = guard_open.attempt THEN RETURN it; END IF;
  -- Of a closed side any epoch below the new one will do: it does not hear of attempts that were undone.
  PERFORM strangler.guard_expect(it, 'closed', CASE WHEN it.epoch < epoch THEN it.epoch ELSE epoch - 1 END, NULL);
  IF to_regclass('strangler.stream_marker') IS NOT NULL THEN
    SELECT EXISTS (SELECT FROM strangler.stream_marker m
                   WHERE m.capability = guard_open.capability AND m.attempt = guard_open.attempt
                     AND m.epoch = guard_open.epoch - 1 AND m.kind = 'fence'
                     AND m.direction = CASE it.side WHEN 'service' THEN 'forward' ELSE 'reverse' END) INTO drained;
  END IF;
  IF NOT drained THEN
    RAISE EXCEPTION USING ERRCODE = 'ST103',
      MESSAGE = format('the ledger of this side does not hold the fence of attempt %s of %s', attempt, capability),
      HINT = 'Not everything that the old owner wrote has been applied here. Wait for the stream.';
  END IF;
  UPDATE strangler.guard g
     SET state = 'open', epoch = guard_open.epoch, attempt = guard_open.attempt,
         opened_at = clock_timestamp(), opened_xid = pg_current_xact_id()
   WHERE g.capability = guard_open.capability RETURNING * INTO it;
  INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES (capability, epoch, attempt, 'open');
  RETURN it;
END
$guard$;

-- Says the way of a stream without touching a row of the capability.
CREATE OR REPLACE FUNCTION strangler.guard_probe(capability text, attempt uuid) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  SELECT * INTO it FROM strangler.guard g WHERE g.capability = guard_probe.capability;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'ST106', MESSAGE = format('%s has no guard in this database', capability);
  END IF;
  INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES (capability, it.epoch, attempt, 'probe');
  RETURN it;
END
$guard$;

-- observe -> enforce. There is no way back but removing the guard: a side that is closed must not only observe.
CREATE OR REPLACE FUNCTION strangler.guard_enforce(capability text, epoch bigint) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms' AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  it := strangler.guard_take(capability, true);
  IF it.mode = 'enforce' THEN RETURN it; END IF;
  IF it.epoch <> guard_enforce.epoch THEN
    RAISE EXCEPTION USING ERRCODE = 'ST101', MESSAGE = format('the guard of %s is at epoch %s', capability, it.epoch);
  END IF;
  UPDATE strangler.guard g SET mode = 'enforce' WHERE g.capability = guard_enforce.capability RETURNING * INTO it;
  RETURN it;
END
$guard$;

-- After a failover of the other side to this history of it: makes sure that no opening of this side that was decided
-- before the failover can still happen, and that none has. Gives the row; its epoch is the least with which the other
-- side may be confirmed as the owner. Done once for each history: whoever comes late must not bar what was begun since.
CREATE OR REPLACE FUNCTION strangler.guard_bar(capability text, epoch bigint, attempt uuid, history text) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $guard$
DECLARE
  it strangler.guard;
  latest bigint := 0;
BEGIN
  it := strangler.guard_take(capability, false);
  IF split_part(it.barred, '/', 1) = split_part(history, '/', 1)
     AND split_part(it.barred, '/', 2)::integer >= split_part(history, '/', 2)::integer THEN
    RETURN it;
  END IF;
  PERFORM strangler.guard_expect(it, 'closed', epoch, NULL);
  IF it.attempt IS DISTINCT FROM guard_bar.attempt THEN
    RAISE EXCEPTION USING ERRCODE = 'ST101', MESSAGE = format('the guard of %s has another attempt', capability);
  END IF;
  -- An opening has an epoch above this row's, and needs the fence marker of the epoch before it in this side's ledger;
  -- that was there before the flip, so it is there now.
  IF to_regclass('strangler.stream_marker') IS NOT NULL THEN
    SELECT coalesce(max(m.epoch), 0) INTO latest FROM strangler.stream_marker m
     WHERE m.capability = guard_bar.capability AND m.kind = 'fence'
       AND m.direction = CASE it.side WHEN 'service' THEN 'forward' ELSE 'reverse' END;
  END IF;
  UPDATE strangler.guard g
     SET barred = guard_bar.history, epoch = greatest(g.epoch, latest + 1),
         attempt = CASE WHEN latest >= g.epoch THEN NULL ELSE g.attempt END
   WHERE g.capability = guard_bar.capability RETURNING * INTO it;
  RETURN it;
END
$guard$;

-- After a failover of this side: confirms its row in the new history, as `open` or `closed`, with this epoch. To open,
-- the other side has to be barred first, and the epoch is the one that this gave. As closed, because
-- the other side has been opened since, it takes over the attempt by which it was.
CREATE OR REPLACE FUNCTION strangler.guard_reaffirm(
  capability text, epoch bigint, attempt uuid, new_state text, new_epoch bigint, new_attempt uuid) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  it := strangler.guard_take(capability, false);
  IF NOT strangler.guard_shut(it) OR it.epoch <> guard_reaffirm.epoch OR it.attempt IS DISTINCT FROM guard_reaffirm.attempt THEN
    RAISE EXCEPTION USING ERRCODE = 'ST101', MESSAGE = format('the guard of %s is not shut at epoch %s as expected', capability, epoch),
      DETAIL = format('It is %s at epoch %s, attempt %s.', it.state, it.epoch, coalesce(it.attempt::text, 'none'));
  END IF;
  IF NOT ((new_state = 'closed' AND new_epoch >= it.epoch)
          OR (new_state = 'open' AND it.state IN ('open', 'fenced') AND new_epoch > it.epoch)) THEN
    RAISE EXCEPTION USING ERRCODE = 'ST107',
      MESSAGE = format('%s at epoch %s cannot be confirmed as %s at epoch %s', it.state, it.epoch, new_state, new_epoch);
  END IF;
  UPDATE strangler.guard g
     SET state = new_state, epoch = new_epoch, attempt = new_attempt, deadline = NULL,
         opened_at = CASE new_state WHEN 'open' THEN clock_timestamp() ELSE g.opened_at END,
         timeline = strangler.guard_timeline(),
         system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c)
   WHERE g.capability = guard_reaffirm.capability RETURNING * INTO it;
  IF new_state = 'open' THEN
    INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES (capability, it.epoch, it.attempt, 'open');
  END IF;
  RETURN it;
END
$guard$;

-- The end: the row stays, both streams give up their slots. On the service's side, as its owner, and never undone.
CREATE OR REPLACE FUNCTION strangler.guard_retire(capability text, epoch bigint) RETURNS strangler.guard
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '150ms' AS $guard$
DECLARE
  it strangler.guard;
BEGIN
  it := strangler.guard_take(capability, true);
  IF it.retired_at IS NOT NULL THEN RETURN it; END IF;
  PERFORM strangler.guard_expect(it, 'open', epoch, NULL);
  IF it.side <> 'service' THEN
    RAISE EXCEPTION USING ERRCODE = 'ST107', MESSAGE = 'what is retired belongs to the service';
  END IF;
  UPDATE strangler.guard g SET retired_at = clock_timestamp() WHERE g.capability = guard_retire.capability RETURNING * INTO it;
  RETURN it;
END
$guard$;
