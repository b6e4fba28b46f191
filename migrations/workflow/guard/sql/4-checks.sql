-- What can be asked of the guard. Nothing here changes anything.

-- The row, with what it means at this moment.
CREATE OR REPLACE FUNCTION strangler.guard_status(capability text)
RETURNS TABLE (it strangler.guard, shut boolean, history text, past_deadline boolean, refused bigint, now timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  refusals bigint;
  row strangler.guard;
BEGIN
  SELECT * INTO row FROM strangler.guard g WHERE g.capability = guard_status.capability;
  IF NOT FOUND THEN RETURN; END IF;
  EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM strangler.%I',
                 'guard_refused_' || replace(capability, '-', '_')) INTO refusals;
  RETURN QUERY SELECT row, strangler.guard_shut(row),
    (SELECT c.system_identifier::text FROM pg_control_system() c) || '/' || strangler.guard_timeline(),
    coalesce(clock_timestamp() >= row.deadline, false), refusals, clock_timestamp();
END
$guard$;

-- Who wrote while the guard observed, since the given time.
CREATE OR REPLACE FUNCTION strangler.guard_writers(capability text, since timestamptz DEFAULT '-infinity')
RETURNS TABLE (relation text, database_user text, application_name text, writes bigint, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT w.relation::text, w.database_user, w.application_name, sum(w.writes)::bigint, min(w.first_at), max(w.last_at)
    FROM strangler.guard_writer w
   WHERE w.capability = guard_writers.capability AND w.last_at >= since
   GROUP BY 1, 2, 3 ORDER BY max(w.last_at) DESC, 1, 2, 3;
END;

-- The declared tables with their partitions and inheritance children: a statement can name each of them.
CREATE OR REPLACE FUNCTION strangler.guard_relations(capability text) RETURNS TABLE (relation oid, followed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH RECURSIVE every AS (
    SELECT t.relation::oid AS relation, t.followed FROM strangler.guard_table t WHERE t.capability = guard_relations.capability
    UNION
    SELECT i.inhrelid, e.followed FROM every e JOIN pg_catalog.pg_inherits i ON i.inhparent = e.relation
  )
  SELECT e.relation, e.followed FROM every e;
END;

-- What stands against moving this capability, and what mends it. `endangers`: the guard itself would have a hole.
CREATE OR REPLACE FUNCTION strangler.guard_faults(capability text)
RETURNS TABLE (code text, endangers boolean, found text, mend text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  name constant text := replace(capability, '-', '_');
BEGIN
  RETURN QUERY
  SELECT 'table-gone', true, format('a guarded table is gone (oid %s)', r.relation),
         format('strangler guard install --capability %s', capability)
    FROM strangler.guard_relations(capability) r
   WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation);

  RETURN QUERY
  SELECT CASE WHEN t.oid IS NULL THEN 'trigger-missing' ELSE 'trigger-not-always' END, true,
         format('%s %s', r.relation::regclass,
                CASE WHEN t.oid IS NULL THEN 'has no guard'
                     ELSE format('has a guard that does not always fire (tgenabled is %s, not A)', t.tgenabled) END),
         CASE WHEN t.oid IS NULL THEN format('strangler guard install --capability %s', capability)
              ELSE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', r.relation::regclass, t.tgname) END
    FROM strangler.guard_relations(capability) r
    JOIN pg_class c ON c.oid = r.relation
    LEFT JOIN pg_trigger t ON t.tgrelid = r.relation AND t.tgname = 'strangler_guard_' || name
     -- BEFORE (2), INSERT (4), DELETE (8), UPDATE (16), TRUNCATE (32), and not FOR EACH ROW (1).
     AND t.tgtype = 62 AND t.tgqual IS NULL AND t.tgattr = ''::int2vector
     AND t.tgfoid = to_regprocedure(format('strangler.%I()', CASE WHEN r.followed THEN 'guard_follows_' ELSE 'guard_writes_' END || name))
   WHERE t.oid IS NULL OR t.tgenabled <> 'A';

  RETURN QUERY
  SELECT 'has-parent', true,
         format('%s is a partition or child of %s, and a statement on that writes it past the guard', t.relation, i.inhparent::regclass),
         format('Declare %s instead', i.inhparent::regclass)
    FROM strangler.guard_table t JOIN pg_inherits i ON i.inhrelid = t.relation
   WHERE t.capability = guard_faults.capability
     AND i.inhparent NOT IN (SELECT r.relation FROM strangler.guard_relations(guard_faults.capability) r);

  RETURN QUERY
  SELECT 'subscription', true,
         format('the subscription %s writes %s past the guard', s.subname, string_agg(sr.srrelid::regclass::text, ', ')),
         format('DROP SUBSCRIPTION %I, or take these tables out of its publication and refresh it', s.subname)
    FROM pg_subscription_rel sr JOIN pg_subscription s ON s.oid = sr.srsubid
   WHERE sr.srrelid IN (SELECT r.relation FROM strangler.guard_relations(capability) r)
   GROUP BY s.subname;

  RETURN QUERY
  SELECT 'sequence-cache', false,
         format('the sequence %s hands out %s values at once (CACHE), which setval does not reach', q.seqrelid::regclass, q.seqcache),
         format('ALTER SEQUENCE %s CACHE 1', q.seqrelid::regclass)
    FROM pg_sequence q
   WHERE q.seqcache > 1
     AND q.seqrelid IN (SELECT s.sequence FROM strangler.guard_sequences(capability) s)
   ORDER BY q.seqrelid::regclass::text;
END
$guard$;

-- The sequences that fill columns of the capability's own tables: by ownership, identity, or a default.
CREATE OR REPLACE FUNCTION strangler.guard_sequences(capability text)
RETURNS TABLE (sequence oid, relation oid, column_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT d.objid, a.attrelid, a.attname::text
    FROM strangler.guard_table t
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
     AND d.refobjid = t.relation AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attnum = d.refobjsubid
   WHERE t.capability = guard_sequences.capability AND NOT t.followed
  UNION
  SELECT d.refobjid, f.adrelid, a.attname::text
    FROM strangler.guard_table t
    JOIN pg_catalog.pg_attrdef f ON f.adrelid = t.relation
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
     AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
   WHERE t.capability = guard_sequences.capability AND NOT t.followed;
END;

-- Foreign keys with one end among the capability's own tables and the other outside.
CREATE OR REPLACE FUNCTION strangler.guard_crossings(capability text)
RETURNS TABLE (name text, from_table text, to_table text, inward boolean, definition text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT k.conname::text, k.conrelid::regclass::text, k.confrelid::regclass::text,
         k.confrelid IN (SELECT r.relation FROM strangler.guard_relations(guard_crossings.capability) r WHERE NOT r.followed),
         pg_catalog.pg_get_constraintdef(k.oid)
    FROM pg_catalog.pg_constraint k
   WHERE k.contype = 'f' AND k.conparentid = 0
     AND (k.conrelid IN (SELECT r.relation FROM strangler.guard_relations(guard_crossings.capability) r WHERE NOT r.followed))
      <> (k.confrelid IN (SELECT r.relation FROM strangler.guard_relations(guard_crossings.capability) r WHERE NOT r.followed))
   ORDER BY 2, 1;
END;

-- Transactions that a fence would wait for: they have written the capability's tables and have not ended.
-- `old`: and all others that hold an xid for longer than `older_than`: a marker would wait for them in the stream.
CREATE OR REPLACE FUNCTION strangler.guard_blockers(capability text, older_than interval DEFAULT '5 s')
RETURNS TABLE (pid integer, prepared text, database_user text, application_name text, seconds double precision, holds_lock boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH holders AS (
    SELECT DISTINCT l.pid, l.virtualtransaction
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'RowShareLock' AND l.granted
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
       AND l.relation = pg_catalog.to_regclass(pg_catalog.format('strangler.%I', 'guard_lock_' || pg_catalog.replace(capability, '-', '_')))
  )
  SELECT a.pid, NULL::text, a.usename::text, a.application_name,
         extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::double precision,
         a.pid IN (SELECT h.pid FROM holders h WHERE h.pid IS NOT NULL)
    FROM pg_catalog.pg_stat_activity a
   WHERE a.pid <> pg_catalog.pg_backend_pid()
     AND pg_catalog.clock_timestamp() - a.xact_start > older_than
     AND (a.pid IN (SELECT h.pid FROM holders h WHERE h.pid IS NOT NULL) OR a.backend_xid IS NOT NULL)
  UNION ALL
  SELECT NULL, p.gid, p.owner::text, NULL,
         extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::double precision,
         -- A prepared transaction's locks are listed without a process, its own xid among them.
         EXISTS (SELECT FROM holders h JOIN pg_catalog.pg_locks x ON x.virtualtransaction = h.virtualtransaction
                  WHERE h.pid IS NULL AND x.pid IS NULL AND x.transactionid = p.transaction)
    FROM pg_catalog.pg_prepared_xacts p
   WHERE p.database = pg_catalog.current_database();
END;

-- Physical standbys, and whether each has flushed everything up to `upto`. One that has a slot and is away has not.
CREATE OR REPLACE FUNCTION strangler.guard_standbys(upto pg_lsn)
RETURNS TABLE (standby text, flushed boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(nullif(r.application_name, ''), 'pid ' || r.pid), coalesce(r.flush_lsn >= upto, false)
    FROM pg_catalog.pg_stat_replication r
   WHERE r.state IS DISTINCT FROM 'backup'
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
  UNION ALL
  SELECT 'slot ' || s.slot_name, false
    FROM pg_catalog.pg_replication_slots s
   WHERE s.slot_type = 'physical' AND NOT s.active AND NOT s.temporary AND s.restart_lsn IS NOT NULL;
END;

-- Waits until every physical standby has flushed all that this server has written up to now.
CREATE OR REPLACE FUNCTION strangler.guard_await_standbys(within interval) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  upto constant pg_lsn := pg_current_wal_insert_lsn();
  patience constant timestamptz := clock_timestamp() + within;
  behind text;
BEGIN
  LOOP
    SELECT string_agg(s.standby, ', ') INTO behind FROM strangler.guard_standbys(upto) s WHERE NOT s.flushed;
    IF behind IS NULL THEN RETURN; END IF;
    IF clock_timestamp() >= patience THEN
      RAISE EXCEPTION USING ERRCODE = 'ST104',
        MESSAGE = format('not every standby has flushed the fence within %s: %s', within, behind),
        DETAIL = 'Promoted, it would know nothing of the decision.',
        HINT = 'Let it catch up, or drop the slot of a standby that will not come back.';
    END IF;
    PERFORM pg_sleep(0.002);
  END LOOP;
END
$guard$;
