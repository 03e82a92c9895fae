-- The outbox: what the organisation's browsers are to be told, written in the transaction of the change. It is published after the commit by the
-- instance that committed, and by any other where that one died, or Redis was away, in between.
--
-- No payload for positions: the vehicles' ids are enough, their newest place is in vehicle_states. That keeps the hot write small.

CREATE TABLE outbox (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  -- resync: so many events were never published that fetching anew is less than reading them.
  name            text NOT NULL CHECK (name IN ('changed', 'positions', 'resync')),
  data            jsonb NOT NULL DEFAULT '{}',
  created_at      timestamptz NOT NULL DEFAULT now(),
  -- From then on any instance may take it. Until then it is with the one that committed it, or that is publishing it.
  due_at          timestamptz NOT NULL DEFAULT now() + interval '5 seconds'
) WITH (
  -- Rows live for a second or two: the table stays a few pages if what is dead is cleaned out often.
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX outbox_due ON outbox (due_at);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON outbox USING (organisation_id = (SELECT app_organisation()));
CREATE POLICY ingest ON outbox USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]));
-- The job that publishes what was left behind, for every organisation.
CREATE POLICY relay ON outbox USING (current_setting('app.relay', true) = 'on');

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO fleet_serving;
