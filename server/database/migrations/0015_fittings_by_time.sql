-- A position belongs to the vehicle in which its device was fitted at the time of the fix. So no device may be in two vehicles at one
-- moment: the database holds to it, whoever writes. btree_gist comes with PostgreSQL and may be installed by whoever may create in the
-- database (it is "trusted").
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- The owner is under row-level security as everybody is.
LOCK TABLE devices, device_fittings IN ACCESS EXCLUSIVE MODE;
ALTER TABLE devices NO FORCE ROW LEVEL SECURITY;
ALTER TABLE device_fittings NO FORCE ROW LEVEL SECURITY;

-- An instance's clock ended a fitting and the database's began the next: some ended milliseconds after their successor began.
UPDATE device_fittings f SET removed_at = greatest(f.fitted_at, n.next)
  FROM (SELECT id, lead(fitted_at) OVER (PARTITION BY device_id ORDER BY fitted_at, removed_at NULLS LAST, id) AS next FROM device_fittings) n
  WHERE n.id = f.id AND n.next IS NOT NULL AND (f.removed_at IS NULL OR f.removed_at > n.next);
UPDATE device_fittings SET removed_at = fitted_at WHERE removed_at < fitted_at;
-- A device that was made with its vehicle has been in it for as long as anybody knows: what it had stored before is that vehicle's, too.
UPDATE device_fittings f SET fitted_at = '-infinity' FROM devices d
  WHERE d.id = f.device_id AND f.fitted_at = d.created_at
    AND NOT EXISTS (SELECT FROM device_fittings o WHERE o.device_id = f.device_id AND o.id <> f.id AND o.fitted_at <= f.fitted_at);

ALTER TABLE devices FORCE ROW LEVEL SECURITY;
ALTER TABLE device_fittings FORCE ROW LEVEL SECURITY;

-- Both ends as the database has them: [fitted_at, removed_at).
ALTER TABLE device_fittings ADD CONSTRAINT device_fittings_one_vehicle
  EXCLUDE USING gist (device_id WITH =, tstzrange(fitted_at, removed_at) WITH &&);

-- What a fitting begins and ends with where nobody says it: the previous version writes so, and this one does.
CREATE FUNCTION fitting_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Ended by a clock that is behind.
    IF OLD.removed_at IS NULL AND NEW.removed_at < NEW.fitted_at AND NEW.fitted_at = OLD.fitted_at THEN
      NEW.removed_at := NEW.fitted_at;
    END IF;
  ELSIF NEW.removed_at IS NULL AND NEW.fitted_at = now() THEN
    IF EXISTS (SELECT FROM devices WHERE id = NEW.device_id AND created_at = now()) THEN
      NEW.fitted_at := '-infinity';
    ELSE
      -- Not before the one before it has ended, by whichever clock; in milliseconds, as people and programs read it.
      NEW.fitted_at := greatest(date_trunc('milliseconds', NEW.fitted_at), (SELECT max(removed_at) FROM device_fittings WHERE device_id = NEW.device_id));
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fitting_times BEFORE INSERT OR UPDATE ON device_fittings FOR EACH ROW EXECUTE FUNCTION fitting_times();

-- Device input asks where the devices of a batch were.
CREATE POLICY ingest ON device_fittings FOR SELECT USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));
-- A device without a state yet is locked itself while its first message is stored; it may be locked so, and not changed.
CREATE POLICY ingest ON devices FOR SELECT USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));
CREATE POLICY ingest_lock ON devices FOR UPDATE USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[])) WITH CHECK (false);

-- A corrected fitting moves history, events too.
GRANT UPDATE (vehicle_id) ON device_events TO fleet_serving;
