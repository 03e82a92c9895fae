-- Messages as they came: replayed after a correction, recorded while somebody looks, and not kept for ever.

-- Since then a correction has made a believed position of it.
ALTER TABLE device_messages ADD COLUMN replayed_at timestamptz;
ALTER TABLE quarantined_positions ADD COLUMN replayed_at timestamptz;
GRANT UPDATE (replayed_at) ON quarantined_positions TO fleet_serving;
GRANT DELETE ON device_messages, quarantined_positions TO fleet_serving;
CREATE INDEX device_messages_age ON device_messages (received_at);
CREATE INDEX quarantined_positions_age ON quarantined_positions (received_at);
CREATE POLICY work ON device_messages USING (current_setting('app.jobs', true) = 'on');
CREATE POLICY work ON quarantined_positions USING (current_setting('app.jobs', true) = 'on');

-- The last messages of a device that is being recorded, in a ring: a place is written anew when its turn comes.
CREATE TABLE recorded_messages (
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  slot            smallint NOT NULL,
  received_at     timestamptz NOT NULL,
  fix_time        timestamptz,
  outcome         text NOT NULL,
  protocol        text,
  raw             jsonb NOT NULL,
  PRIMARY KEY (device_id, slot)
) WITH (fillfactor = 60);
CREATE INDEX recorded_messages_age ON recorded_messages (received_at);
ALTER TABLE recorded_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE recorded_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON recorded_messages USING (organisation_id = (SELECT app_organisation()));
CREATE POLICY ingest ON recorded_messages USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));
CREATE POLICY work ON recorded_messages USING (current_setting('app.jobs', true) = 'on');
GRANT SELECT, INSERT, UPDATE, DELETE ON recorded_messages TO fleet_serving;

-- What the page of a device shows; trackers say it in many of their messages.
ALTER TABLE device_states ADD COLUMN firmware text, ADD COLUMN signal text;
