-- Where a server stands, and what it shows, told apart from what merely looks like it.

-- As before (migration 2), but for the end of a page of WAL. Whatever is inserted next goes behind the header of the next page, and PostgreSQL gives that place for the
-- insert position: after a segment switch of an idle primary (archive_timeout) it lies 40 bytes past all that a replica can ever replay. Nothing lies in between, so the
-- beginning of the page says the same. A segment's first page has the long header; no record ends where a header does.
CREATE OR REPLACE FUNCTION database_position(cluster bigint) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  lsn    pg_lsn;
  place  record;
  header integer;
BEGIN
  IF pg_is_in_recovery() THEN
    lsn := pg_last_wal_replay_lsn();
    RETURN 'r ' || coalesce((SELECT max(number) FROM timelines WHERE system_identifier = cluster), 0) || ' ' || coalesce(lsn, '0/0') || ' ' || pg_snapshot_xmax(pg_current_snapshot());
  END IF;
  lsn := pg_current_wal_insert_lsn();
  place := pg_walfile_name_offset(lsn);
  header := CASE WHEN place.file_offset = 40 THEN 40 WHEN place.file_offset % current_setting('wal_block_size')::integer = 24 THEN 24 ELSE 0 END;
  RETURN 'p ' || ('x' || left(place.file_name, 8))::bit(32)::int || ' ' || lsn - header::numeric || ' ' || pg_snapshot_xmin(pg_current_snapshot());
END $$;

-- Which transactions before `first_unseen` this primary's snapshot holds to be under way; 'behind': it has not heard of the end of one right before it. A commit that a replica shows is among them
-- for as long as it waits for its standby, and until its back end has been scheduled after that. Those whose session waits for its client's next statement have surely not been
-- committed, and are left out, where the owner of the schema may see them (a superuser, or a member of pg_read_all_stats).
CREATE FUNCTION database_unfinished(first_unseen bigint) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shown pg_snapshot := pg_current_snapshot();
BEGIN
  IF pg_snapshot_xmax(shown)::text::bigint < first_unseen THEN
    RETURN 'behind';
  END IF;
  -- Nearly always.
  IF pg_snapshot_xmin(shown)::text::bigint >= first_unseen THEN
    RETURN '';
  END IF;
  RETURN coalesce((SELECT string_agg(id::text, ' ') FROM pg_snapshot_xip(shown) AS id WHERE id::text::bigint < first_unseen AND NOT EXISTS (
    SELECT FROM pg_stat_activity WHERE backend_xid = id::xid AND state IN ('idle in transaction', 'idle in transaction (aborted)'))), '');
END $$;

-- For a replica: where it stands, and which of these transactions it holds to be under way. The position is read first, so what is under way has been committed at no place before it.
CREATE FUNCTION database_uncommitted(cluster bigint, candidates bigint[]) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  place  text := database_position(cluster);
  shown  pg_snapshot := pg_current_snapshot();
BEGIN
  -- One that it has not heard of is under way for it, too; it would be an error to ask for its state.
  RETURN place || ' ' || coalesce((SELECT string_agg(id::text, ',') FROM unnest(candidates) AS id
    WHERE CASE WHEN id >= pg_snapshot_xmax(shown)::text::bigint THEN true ELSE pg_xact_status(id::text::xid8) = 'in progress' END), '');
END $$;

REVOKE ALL ON FUNCTION database_unfinished(bigint), database_uncommitted(bigint, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION database_unfinished(bigint), database_uncommitted(bigint, bigint[]) TO fleet_serving;
