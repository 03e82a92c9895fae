-- Time zones from before only IANA names were taken: offsets (+05:30), whose sign PostgreSQL reads the other
-- way round, old names (GB, EST), and names in another case. Each becomes the name that means the same, so
-- that reports cut the days where they were cut before; where there is none (+05:30 is several zones' and
-- might be any of them) it becomes UTC, and the organisation's owner finds both in the audit log. Data alone
-- changes: the version before reads it.

-- Slow, because it opens every file: before anything is locked. What old names mean is the "backward" file's
-- of the IANA time zone database.
CREATE TEMPORARY TABLE zone_names ON COMMIT DROP AS
  SELECT lower(name) AS old, name AS new FROM pg_timezone_names
    WHERE name ~ '^(UTC|[A-Z][A-Za-z_-]*(/[A-Z][A-Za-z0-9_+-]*){1,2})$'
  UNION ALL
  VALUES
    ('gmt', 'UTC'), ('gmt+0', 'UTC'), ('gmt-0', 'UTC'), ('gmt0', 'UTC'), ('greenwich', 'UTC'),
    ('uct', 'UTC'), ('universal', 'UTC'), ('zulu', 'UTC'), ('wet', 'Europe/Lisbon'),
    ('cet', 'Europe/Brussels'), ('met', 'Europe/Brussels'), ('eet', 'Europe/Athens'),
    ('est', 'America/Panama'), ('mst', 'America/Phoenix'), ('hst', 'Pacific/Honolulu'),
    ('est5edt', 'America/New_York'), ('cst6cdt', 'America/Chicago'), ('mst7mdt', 'America/Denver'),
    ('pst8pdt', 'America/Los_Angeles'), ('cuba', 'America/Havana'), ('egypt', 'Africa/Cairo'),
    ('eire', 'Europe/Dublin'), ('gb', 'Europe/London'), ('gb-eire', 'Europe/London'),
    ('hongkong', 'Asia/Hong_Kong'), ('iceland', 'Atlantic/Reykjavik'), ('iran', 'Asia/Tehran'),
    ('israel', 'Asia/Jerusalem'), ('jamaica', 'America/Jamaica'), ('japan', 'Asia/Tokyo'),
    ('kwajalein', 'Pacific/Kwajalein'), ('libya', 'Africa/Tripoli'), ('navajo', 'America/Denver'),
    ('nz', 'Pacific/Auckland'), ('nz-chat', 'Pacific/Chatham'), ('poland', 'Europe/Warsaw'),
    ('portugal', 'Europe/Lisbon'), ('prc', 'Asia/Shanghai'), ('roc', 'Asia/Taipei'),
    ('rok', 'Asia/Seoul'), ('singapore', 'Asia/Singapore'), ('turkey', 'Europe/Istanbul'),
    ('w-su', 'Europe/Moscow');

-- The owner of the schema may be no superuser, and sees no organisation otherwise.
ALTER TABLE organisations NO FORCE ROW LEVEL SECURITY;

DO $$
DECLARE
  one    record;
  parts  text[];
  hours  integer;
  zone   text;
  moment text;
BEGIN
  FOR one IN SELECT id, name, time_zone FROM organisations
    WHERE time_zone !~ '^(UTC|[A-Z][A-Za-z_-]*(/[A-Z][A-Za-z0-9_+-]*){1,2})$' OR (time_zone LIKE '%/%'
      AND NOT EXISTS (SELECT FROM zone_names WHERE new = time_zone)
      AND EXISTS (SELECT FROM zone_names WHERE old = lower(time_zone)))
  LOOP
    SELECT new INTO zone FROM zone_names WHERE old = lower(one.time_zone) LIMIT 1;
    IF zone IS NULL THEN
      parts := regexp_match(one.time_zone, '^([+-])(\d\d):?(?:00)?$');
      hours := (parts[1] || parts[2])::integer;
      -- Etc/GMT-5 is five hours ahead: these names have POSIX's sign.
      zone := CASE WHEN hours BETWEEN 1 AND 14 THEN 'Etc/GMT-' || hours
        WHEN hours BETWEEN -12 AND -1 THEN 'Etc/GMT+' || -hours ELSE 'UTC' END;
    END IF;
    UPDATE organisations SET time_zone = zone, version = version + 1, updated_at = now() WHERE id = one.id;
    PERFORM set_config('app.organisation_id', one.id::text, true);
    -- A UUIDv7, which the list of entries is sorted by: milliseconds, the version, and chance.
    moment := lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0');
    INSERT INTO audit_entries (id, organisation_id, action, actor_kind, actor_name, subject_type, subject_id,
      subject_label, before, after)
    VALUES (overlay(replace(gen_random_uuid()::text, '-', '') PLACING moment || '7' FROM 1 FOR 13)::uuid, one.id,
      'organisation.updated', 'system', 'Fleet2', 'organisation', one.id, one.name,
      jsonb_build_object('timeZone', one.time_zone), jsonb_build_object('timeZone', zone));
  END LOOP;
END $$;

ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
