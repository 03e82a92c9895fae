-- How long positions, events and messages are kept; partitions by day; what is left of positions once they are thinned.
-- docs/database.md, "Keeping positions", has the whole of it.

-- An organisation's own setting. NULL: for ever, and that is what those have that are there already: nobody has asked them.
ALTER TABLE organisations
  ADD COLUMN positions_kept_days    integer CHECK (positions_kept_days >= 7),
  -- From then on a day is kept as a row a device and vehicle.
  ADD COLUMN positions_thinned_days integer CHECK (positions_thinned_days >= 7),
  ADD COLUMN events_kept_days       integer CHECK (events_kept_days >= 7),
  ADD COLUMN messages_kept_days     integer CHECK (messages_kept_days >= 7),
  -- A setting that deletes more than the one before waits until then.
  ADD COLUMN retention_from         timestamptz;
-- The job that holds to it asks every organisation; so do the functions below, as their owner.
CREATE POLICY work ON organisations FOR SELECT USING (current_setting('app.jobs', true) = 'on');
CREATE POLICY maintenance ON organisations FOR SELECT TO CURRENT_USER USING (true);

-- A day of a device in a vehicle, simplified: each place with its time, one array a field. Whole numbers, because they are a third as large.
CREATE TABLE position_days (
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  -- Of UTC.
  day             date NOT NULL,
  vehicle_id      uuid,
  -- Positions that it was made of, and those of them that were not believed and are left out.
  fixes           integer NOT NULL,
  doubted         integer NOT NULL,
  -- Along all of them, before any was left out.
  metres          double precision NOT NULL,
  -- Milliseconds from the beginning of the day.
  offsets         integer[] NOT NULL,
  -- Millionths of a degree: 11 cm.
  latitudes       integer[] NOT NULL,
  longitudes      integer[] NOT NULL,
  -- Tenths of km/h, degrees, metres; NULL: not known.
  speeds          smallint[] NOT NULL,
  courses         smallint[] NOT NULL,
  altitudes       smallint[] NOT NULL,
  UNIQUE NULLS NOT DISTINCT (organisation_id, device_id, day, vehicle_id)
);
CREATE INDEX position_days_vehicle ON position_days (vehicle_id, day) WHERE vehicle_id IS NOT NULL;
CREATE INDEX position_days_age ON position_days (organisation_id, day);
ALTER TABLE position_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE position_days FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON position_days USING (organisation_id = (SELECT app_organisation()));
GRANT SELECT, INSERT, UPDATE, DELETE ON position_days TO fleet_serving;

-- Each organisation deletes its own, under row-level security.
GRANT DELETE ON device_events, device_messages, quarantined_positions TO fleet_serving;

-- The partitions of positions, but for the default one.
CREATE FUNCTION position_partitions() RETURNS TABLE (name text, starts timestamptz, ends timestamptz)
  LANGUAGE sql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
  SELECT c.relname::text, b[1]::timestamptz, b[2]::timestamptz
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
    regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS b
  WHERE i.inhparent = 'positions'::regclass AND b IS NOT NULL
$$;

-- Makes the partitions of these days (of UTC) that are not there. Never a lock that input would wait for: attaching locks the default
-- partition while it is looked through, so it is kept small, a lock that is not to be had at once is done without, and the commit does not
-- wait for a standby. What is not made is written to the default partition, and made later with those rows in it. Resolves to the number.
CREATE FUNCTION make_position_days(wanted date[]) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  today     date := now()::date;
  day       date;
  partition text;
  made      integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('make_position_partitions')) THEN
    RETURN 0;
  END IF;
  PERFORM set_config('lock_timeout', '200ms', true), set_config('synchronous_commit', 'local', true);
  -- Past two years a device is more likely wrong than late; and a wrong clock must not make thousands of tables.
  FOR day IN SELECT DISTINCT w FROM unnest(wanted) w WHERE w BETWEEN today - 800 AND today + 35
    AND NOT EXISTS (SELECT FROM position_partitions() WHERE starts <= w AND ends > w) ORDER BY w DESC LIMIT 64
  LOOP
    -- Looking through a large one takes seconds. The days to come must be there all the same.
    CONTINUE WHEN day < today AND pg_relation_size('positions_default') > 64 * 1024 * 1024;
    partition := 'positions_' || to_char(day, 'YYYY_MM_DD');
    BEGIN
      EXECUTE format('CREATE TABLE %I (LIKE positions INCLUDING DEFAULTS)', partition);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
      EXECUTE format('CREATE POLICY maintenance ON %I TO CURRENT_USER USING (true)', partition);
      EXECUTE format('WITH moved AS (DELETE FROM positions_default WHERE fix_time >= %L AND fix_time < %L RETURNING *)
        INSERT INTO %I SELECT * FROM moved', day, day + 1, partition);
      EXECUTE format('ALTER TABLE positions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, day, day + 1);
      made := made + 1;
    EXCEPTION WHEN lock_not_available OR check_violation OR deadlock_detected OR duplicate_table THEN
      -- Another time: a row came into the default partition meanwhile, or somebody reads it for long.
      EXIT;
    END;
  END LOOP;
  RETURN made;
END $$;

-- Yesterday, today and the days to come; and those that were written to the default partition.
CREATE FUNCTION make_position_days_ahead(days integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  wanted date[] := ARRAY(SELECT now()::date + n FROM generate_series(-1, least(days, 35)) n);
BEGIN
  IF pg_relation_size('positions_default') BETWEEN 1 AND 64 * 1024 * 1024 THEN
    wanted := wanted || ARRAY(SELECT DISTINCT fix_time::date FROM positions_default);
  END IF;
  RETURN make_position_days(wanted);
END $$;

-- As the previous version calls it: days are made by it, too.
CREATE OR REPLACE FUNCTION make_position_partitions(months_ahead integer) RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT make_position_days_ahead(14) $$;

-- Months that were made ahead and have nothing in them yet make room for their days.
DO $$
DECLARE
  month  record;
  filled boolean;
BEGIN
  FOR month IN SELECT name FROM position_partitions() WHERE starts > now() LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', month.name) INTO filled;
    IF NOT filled THEN EXECUTE format('DROP TABLE %I', month.name); END IF;
  END LOOP;
END $$;

-- How many days positions are kept as they came; NULL: for ever, or the setting has not come into force.
CREATE FUNCTION days_as_they_came(o organisations) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN o.retention_from IS NULL OR o.retention_from <= now()
    THEN least(o.positions_kept_days, o.positions_thinned_days) END
$$;

-- The devices of a partition, each with its organisation and its oldest position in there: one step of the index a device. For the job.
CREATE FUNCTION position_devices(partition text)
  RETURNS TABLE (device_id uuid, organisation_id uuid, oldest timestamptz)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF partition <> 'positions_default' AND NOT EXISTS (SELECT FROM position_partitions() WHERE name = partition) THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format('WITH RECURSIVE d AS (
      (SELECT p.device_id, p.organisation_id, p.fix_time FROM %1$I p ORDER BY p.device_id, p.fix_time LIMIT 1)
      UNION ALL
      SELECT n.* FROM d, LATERAL (SELECT p.device_id, p.organisation_id, p.fix_time FROM %1$I p
        WHERE p.device_id > d.device_id ORDER BY p.device_id, p.fix_time LIMIT 1) n
    ) SELECT * FROM d', partition);
END $$;

-- Deletes a device's positions of a day (of UTC), for the organisation of the transaction and within its own setting: the serving role
-- itself may delete none. Resolves to their number.
CREATE FUNCTION delete_position_day(device uuid, day date) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  deleted integer;
BEGIN
  IF NOT EXISTS (SELECT FROM organisations o WHERE o.id = app_organisation()
    AND (day + 1)::timestamptz <= now() - make_interval(days => days_as_they_came(o))) THEN
    RAISE EXCEPTION 'The organisation keeps positions of % as they came', day USING ERRCODE = 'insufficient_privilege';
  END IF;
  DELETE FROM positions WHERE device_id = device AND fix_time >= day AND fix_time < day + 1 AND organisation_id = app_organisation();
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $$;

-- Drops a partition that no organisation keeps any longer, or in which there is nothing left. True: it is gone. Everybody waits for as long
-- as it takes to be taken out of the catalogue, and at most for the lock's time limit; the files are deleted after that.
CREATE FUNCTION drop_position_partition(partition text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  over   boolean;
  filled boolean;
BEGIN
  PERFORM set_config('lock_timeout', '200ms', true), set_config('synchronous_commit', 'local', true);
  -- Agreed: nobody keeps it, neither as it came nor thinned. And never a day that is written to.
  SELECT ends <= (SELECT min(coalesce(now() - make_interval(days => CASE WHEN o.retention_from IS NULL OR o.retention_from <= now()
      THEN o.positions_kept_days END), '-infinity')) FROM organisations o)
    INTO over FROM position_partitions() WHERE name = partition AND ends < now() - interval '7 days';
  IF over IS NULL THEN
    RETURN false;
  END IF;
  BEGIN
    IF NOT over THEN
      -- First the partition alone: nobody else waits while it is looked through.
      EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', partition);
      EXECUTE format('SELECT EXISTS (SELECT FROM %I)', partition) INTO filled;
      IF filled THEN
        RETURN false;
      END IF;
    END IF;
    EXECUTE format('DROP TABLE %I', partition);
    RETURN true;
  EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN false;
  END;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['make_position_days(date[])', 'make_position_days_ahead(integer)', 'position_devices(text)',
    'delete_position_day(uuid, date)', 'drop_position_partition(text)']
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO fleet_serving', name);
  END LOOP;
END $$;
