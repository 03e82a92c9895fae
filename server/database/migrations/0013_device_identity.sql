-- What a device calls itself is a name and no proof: another organisation's device may have the same one. What proves a device is its token;
-- what names the organisation is its own ingest address. docs/devices.md, "Who a device is", has the whole of it.

ALTER TABLE devices
  -- What it calls itself, where `identifier` cannot say it: another device has that name, or it is to be found at the organisation's own
  -- address alone. `identifier` is then its id, by which the previous version finds nothing.
  ADD COLUMN own_identifier           text,
  -- Without its token it is taken at the organisation's own address alone.
  ADD COLUMN address_required         boolean NOT NULL DEFAULT false,
  -- Added to every time that it says: for a clock that people know to be wrong, also one that is behind.
  ADD COLUMN clock_correction_seconds integer NOT NULL DEFAULT 0,
  -- Until then its last messages are kept as they came.
  ADD COLUMN recording_until          timestamptz;
-- Who need show nothing at all has its name for itself.
ALTER TABLE devices ADD CONSTRAINT devices_public_name
  CHECK (own_identifier IS NULL OR token_required OR address_required) NOT VALID;
ALTER TABLE devices VALIDATE CONSTRAINT devices_public_name;
CREATE UNIQUE INDEX devices_organisation_identifier ON devices (organisation_id, (coalesce(own_identifier, identifier)));
CREATE INDEX devices_own_identifier ON devices (own_identifier) WHERE own_identifier IS NOT NULL;
CREATE INDEX devices_token ON devices (token_hash) WHERE token_hash IS NOT NULL;

DROP POLICY identified ON devices;
CREATE POLICY identified ON devices FOR SELECT USING (
  identifier = ANY ((SELECT app_device_identifiers())::text[]) OR own_identifier = ANY ((SELECT app_device_identifiers())::text[]));

-- A message with a device's token and another name shows whose it is. Hashes, one a line.
CREATE FUNCTION app_device_token_hashes() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT string_to_array(nullif(current_setting('app.device_token_hashes', true), ''), E'\n') $$;
CREATE POLICY token_shown ON devices FOR SELECT USING (token_hash = ANY ((SELECT app_device_token_hashes())::text[]));

-- An organisation's own address: /api/ingest/<key>. It is shown again and again, so it is kept as it is.
CREATE TABLE ingest_addresses (
  organisation_id uuid PRIMARY KEY REFERENCES organisations,
  key             text NOT NULL UNIQUE,
  -- The one before it, and until when it is taken.
  previous_key    text UNIQUE,
  previous_until  timestamptz,
  version         integer NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);

-- Identifiers that nobody has, as they came to an organisation's own address. As many for each as a person looks through.
CREATE TABLE unknown_devices (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  identifier      text NOT NULL,
  protocol        text,
  first_seen_at   timestamptz NOT NULL,
  last_seen_at    timestamptz NOT NULL,
  -- The newest message, as it came.
  raw             jsonb NOT NULL,
  UNIQUE (organisation_id, identifier)
);
CREATE INDEX unknown_devices_list ON unknown_devices (organisation_id, last_seen_at, id);
CREATE INDEX unknown_devices_age ON unknown_devices (last_seen_at);

-- A key that is shown names its organisation. One a line.
CREATE FUNCTION app_ingest_keys() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT string_to_array(nullif(current_setting('app.ingest_keys', true), ''), E'\n') $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['ingest_addresses', 'unknown_devices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY organisation ON %I USING (organisation_id = (SELECT app_organisation()))', name);
  END LOOP;
END $$;
CREATE POLICY addressed ON ingest_addresses FOR SELECT USING (
  key = ANY ((SELECT app_ingest_keys())::text[]) OR previous_key = ANY ((SELECT app_ingest_keys())::text[]));
CREATE POLICY ingest ON unknown_devices USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));
CREATE POLICY work ON unknown_devices USING (current_setting('app.jobs', true) = 'on');

GRANT SELECT, INSERT, UPDATE, DELETE ON ingest_addresses, unknown_devices TO fleet_serving;
