-- Jobs: work that a change asks for and that goes on after its answer. A row is written in the transaction of
-- the change, taken by one instance at a time under a lease, and ended in the transaction that has the job's
-- effect. docs/jobs.md says how, and why no other queue was taken.

CREATE TABLE jobs (
  id                uuid PRIMARY KEY,
  -- Null: the program's own, such as cleaning up.
  organisation_id   uuid,
  kind              text NOT NULL,
  input             jsonb NOT NULL DEFAULT '{}',
  state             text NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  -- Not before.
  run_at            timestamptz NOT NULL DEFAULT now(),
  -- How often it has been begun. Handed back by an instance that ends, it counts as not begun.
  attempts          integer NOT NULL DEFAULT 0,
  max_attempts      integer NOT NULL CHECK (max_attempts > 0),
  -- Whoever runs it knows this value. It changes with each taker: one that has lost the job can end it no more.
  lease             uuid,
  lease_until       timestamptz,
  instance          text,
  progress_done     integer,
  progress_total    integer,
  result            jsonb,
  -- Why the last attempt failed, in words for people.
  reason            text,
  -- The schedule that made it; at most one open job each.
  schedule          text,
  -- What it leaves to be downloaded: the key in the file storage, and until when it is kept.
  file_key          text,
  file_name         text,
  file_bytes        bigint,
  file_expires_at   timestamptz,
  requested_by      uuid,
  requested_by_name text,
  created_at        timestamptz NOT NULL DEFAULT now(),
  started_at        timestamptz,
  finished_at       timestamptz,
  CHECK ((state = 'running') = (lease IS NOT NULL AND lease_until IS NOT NULL)),
  CHECK ((state IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (
  -- A running job's row is rewritten every few seconds.
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500
);
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_list ON jobs (organisation_id, id);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_files ON jobs (file_expires_at) WHERE file_key IS NOT NULL;
-- A run that takes longer than its interval is not begun a second time beside itself.
CREATE UNIQUE INDEX jobs_open_schedule ON jobs (schedule)
  WHERE schedule IS NOT NULL AND state IN ('queued', 'running');

CREATE TABLE job_schedules (
  name            text PRIMARY KEY,
  organisation_id uuid,
  kind            text NOT NULL,
  input           jsonb NOT NULL DEFAULT '{}',
  max_attempts    integer NOT NULL CHECK (max_attempts > 0),
  -- Five fields, read in the time zone.
  cron            text NOT NULL,
  time_zone       text NOT NULL DEFAULT 'UTC',
  next_at         timestamptz NOT NULL
);
CREATE INDEX job_schedules_due ON job_schedules (next_at);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['jobs', 'job_schedules'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY organisation ON %I USING (organisation_id = (SELECT app_organisation()))', name);
    -- The workers, for every organisation.
    EXECUTE format('CREATE POLICY work ON %I USING (current_setting(''app.jobs'', true) = ''on'')', name);
  END LOOP;
END $$;
-- A change that belongs to no organisation may ask for a job of the program's, and sees none.
CREATE POLICY enqueue ON jobs FOR INSERT WITH CHECK (organisation_id IS NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, job_schedules TO fleet_serving;
