-- What the router asks of a server in the same round trip as BEGIN: who it is, how far it is, and whether this write has been made before.

-- Which timelines there have been. A replica that has replayed the row of a timeline surely follows it, whatever its WAL receiver does: no
-- privilege is needed to know it, and it holds with the primary away. The router's monitor writes the row when it first sees a primary on it.
CREATE TABLE timelines (
  system_identifier bigint NOT NULL,
  number            integer NOT NULL,
  -- The primary's position when it was first seen there: at or past the point where the timeline began.
  seen_at_lsn       pg_lsn NOT NULL,
  seen_at           timestamptz NOT NULL DEFAULT now(),
  -- A dump that is restored into another cluster brings rows that are not its own.
  PRIMARY KEY (system_identifier, number)
);
GRANT SELECT, INSERT ON timelines TO fleet_serving;

-- "p 3 0/5000028 750" on a primary, "r 3 0/5000028 753" on a replica: role, timeline, position, and a transaction id: on a primary the oldest one that the
-- snapshot holds to be under way, on a replica the first one that it has heard nothing of. Everything that the present snapshot shows lies before
-- the position, because it is read after the snapshot was taken. On a primary it is the insert position: with synchronous_commit off,
-- what can be seen may not be flushed yet.
CREATE FUNCTION database_position(cluster bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  lsn pg_lsn;
BEGIN
  IF pg_is_in_recovery() THEN
    lsn := pg_last_wal_replay_lsn();
    RETURN 'r ' || coalesce((SELECT max(number) FROM timelines WHERE system_identifier = cluster), 0) || ' ' || coalesce(lsn, '0/0') || ' ' || pg_snapshot_xmax(pg_current_snapshot());
  END IF;
  lsn := pg_current_wal_insert_lsn();
  RETURN 'p ' || ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int || ' ' || lsn || ' ' || pg_snapshot_xmin(pg_current_snapshot());
END $$;

-- What follows looks at pg_stat_replication, whose positions an ordinary role does not see. The owner does where it is a superuser or a member of
-- pg_read_all_stats; otherwise both say that they do not know, and the router does without (docs/database.md).

-- How far the synchronous standbys have what the primary has: every commit up to there has stopped waiting. Null: commits do not wait, or it is not known.
CREATE FUNCTION database_confirmed() RETURNS pg_lsn LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names text := current_setting('synchronous_standby_names');
BEGIN
  IF names = '' OR pg_is_in_recovery() OR NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN
    RETURN NULL;
  END IF;
  RETURN coalesce((SELECT flush_lsn FROM pg_stat_get_wal_senders() WHERE sync_state IN ('sync', 'quorum')
    ORDER BY flush_lsn DESC NULLS LAST OFFSET coalesce(substring(names FROM '^\s*(?:ANY|FIRST)?\s*(\d+)\s*\(')::int, 1) - 1 LIMIT 1), '0/0');
END $$;

-- The replicas that are attached to this primary.
CREATE FUNCTION database_replicas() RETURNS TABLE (name text, state text, sync_state text, replay_lsn pg_lsn) LANGUAGE sql VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
  -- A base backup under way is in the view too, and replays nothing.
  SELECT application_name, state, sync_state, replay_lsn FROM pg_stat_replication
  WHERE state IN ('streaming', 'catchup') AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
$$;

-- Claims a write for the transaction that asks. Raises F2001 while another transaction has it, F2002 when it has been made already: statements that were
-- sent along without waiting for the answer are then refused instead of done.
--
-- The advisory lock comes first: it is held by a back end whose client has gone away for as long as that one may still commit; the look at the
-- record, a statement later, has a newer snapshot. It is not known to the next primary, and need not be: there the record either is or never will be.
CREATE FUNCTION claim_operation(wanted_scope text, wanted_key text, wanted_sequence integer, lock_key bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(lock_key) THEN
    RAISE 'this operation is being worked on' USING ERRCODE = 'F2001';
  END IF;
  IF EXISTS (SELECT FROM operations WHERE scope = wanted_scope AND key = wanted_key AND sequence = wanted_sequence) THEN
    RAISE 'this operation has been done' USING ERRCODE = 'F2002';
  END IF;
END $$;

-- PUBLIC may execute a new function unless told otherwise.
REVOKE ALL ON FUNCTION database_position(bigint), database_confirmed(), database_replicas(), claim_operation(text, text, integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION database_position(bigint), database_confirmed(), database_replicas(), claim_operation(text, text, integer, bigint) TO fleet_serving;
