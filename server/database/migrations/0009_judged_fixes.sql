-- Every fix is judged. What is not believed is kept and moves nothing; what devices tell of beside a place is an event with an identity of its
-- own; messages that moved nothing are kept as they came.

-- Null: believed. No value costs nothing in a row, and the previous version, which writes none, believes everything.
ALTER TABLE positions ADD COLUMN credibility text, ADD COLUMN reason text;
-- What is believed after its neighbour has come, and what takes the place of a fix that was none. Nothing else of a position ever changes.
GRANT UPDATE ON positions TO fleet_serving;

-- fix_time and the place are the newest that is believed.
ALTER TABLE device_states
  -- By how much the device's clock is ahead, all the time.
  ADD COLUMN clock_offset_seconds integer,
  ADD COLUMN interval_seconds     real,
  ADD COLUMN battery_percent      real,
  ADD COLUMN battery_volts        real,
  ADD COLUMN protocol             text,
  -- What the next message is compared with; see server/fleet/ingest/state.ts.
  ADD COLUMN judging              jsonb;

-- A token that was renewed is taken for a day more, so that a tracker can be told the new one.
ALTER TABLE devices ADD COLUMN previous_token_hash text, ADD COLUMN previous_token_until timestamptz;

-- The organisation is in the key: rows of one organisation can be kept together. No foreign keys, as with positions.
CREATE TABLE device_events (
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  fix_time        timestamptz NOT NULL,
  kind            text NOT NULL,
  -- Of what the device said: two alarms of one second are two, and one that is sent again is one.
  content_hash    text NOT NULL,
  -- Made of the key, for addresses and cursors.
  id              uuid NOT NULL,
  vehicle_id      uuid,
  received_at     timestamptz NOT NULL DEFAULT now(),
  latitude        double precision,
  longitude       double precision,
  data            jsonb NOT NULL,
  PRIMARY KEY (organisation_id, device_id, fix_time, kind, content_hash)
);
CREATE INDEX device_events_list ON device_events (organisation_id, fix_time, id);
CREATE INDEX device_events_vehicle ON device_events (vehicle_id, fix_time) WHERE vehicle_id IS NOT NULL;

-- Messages that were stored and not believed, or refused, as they came. Those of the quarantine are in quarantined_positions, where the
-- previous version puts them, too.
CREATE TABLE device_messages (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  received_at     timestamptz NOT NULL DEFAULT now(),
  fix_time        timestamptz,
  outcome         text NOT NULL,
  credibility     text,
  reason          text NOT NULL,
  raw             jsonb NOT NULL
);
CREATE INDEX device_messages_list ON device_messages (organisation_id, received_at, id);
CREATE INDEX device_messages_device ON device_messages (device_id, received_at);
CREATE INDEX quarantined_positions_device ON quarantined_positions (device_id, received_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['device_events', 'device_messages']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY organisation ON %I USING (organisation_id = (SELECT app_organisation()))', name);
    EXECUTE format('CREATE POLICY ingest ON %I USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]))', name);
  END LOOP;
END $$;
-- What a vehicle can do depends on its kind.
CREATE POLICY ingest ON vehicles FOR SELECT USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));

GRANT SELECT, INSERT ON device_events TO fleet_serving;
-- A fix that waited for its neighbour is believed once that has come, and its message says so.
GRANT SELECT, INSERT, UPDATE ON device_messages TO fleet_serving;
