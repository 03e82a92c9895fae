-- The first schema: identity, the fleet's first slice, the audit log, idempotency records.
--
-- Row-level security is enabled AND forced on every table with an organisation. The policies look at settings that
-- the router makes with set_config(…, true), local to the transaction, so that they cannot leak through a pooler. Without a
-- setting current_setting(…, true) is null or '', the comparison is null, and no row is seen.
-- The functions stand in a sub-select in each policy: PostgreSQL then evaluates them once a query, not once a row.

CREATE FUNCTION app_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.organisation_id', true), '')::uuid $$;

CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

-- Several organisations at once: positions of many devices are committed together. Comma-separated.
CREATE FUNCTION app_ingest_organisations() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT string_to_array(nullif(current_setting('app.organisation_ids', true), ''), ',')::uuid[] $$;

-- A device shows its identifier; the organisation is known only then. One a line.
CREATE FUNCTION app_device_identifiers() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT string_to_array(nullif(current_setting('app.device_identifiers', true), ''), E'\n') $$;

CREATE FUNCTION app_invitation_token_hash() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('app.invitation_token_hash', true), '') $$;

-- Identity --------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
  id            uuid PRIMARY KEY,
  email         text NOT NULL UNIQUE CHECK (email = lower(email)),
  name          text NOT NULL,
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE organisations (
  id         uuid PRIMARY KEY,
  name       text NOT NULL,
  time_zone  text NOT NULL DEFAULT 'UTC',
  version    integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL REFERENCES organisations,
  user_id         uuid NOT NULL REFERENCES users,
  role            text NOT NULL CHECK (role IN ('owner', 'manager', 'dispatcher', 'driver', 'viewer')),
  version         integer NOT NULL DEFAULT 1,
  joined_at       timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organisation_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE invitations (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL REFERENCES organisations,
  email           text NOT NULL CHECK (email = lower(email)),
  role            text NOT NULL CHECK (role IN ('owner', 'manager', 'dispatcher', 'driver', 'viewer')),
  token_hash      text NOT NULL UNIQUE,
  invited_by      uuid REFERENCES users,
  created_at      timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL,
  accepted_at     timestamptz,
  revoked_at      timestamptz
);
CREATE INDEX invitations_organisation ON invitations (organisation_id, created_at);

-- The fleet -------------------------------------------------------------------------------------------------------------
-- Composite foreign keys: a device cannot be fitted to another organisation's vehicle even by a faulty program.

CREATE TABLE vehicles (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL REFERENCES organisations,
  name            text NOT NULL,
  registration    text,
  kind            text NOT NULL,
  make            text,
  model           text,
  year            smallint,
  notes           text,
  version         integer NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  removed_at      timestamptz,
  UNIQUE (organisation_id, id)
);
CREATE INDEX vehicles_list ON vehicles (organisation_id, lower(name), id);
-- Two vehicles on the road cannot bear the same plate; one that was removed may.
CREATE UNIQUE INDEX vehicles_registration ON vehicles (organisation_id, upper(registration)) WHERE removed_at IS NULL;

CREATE TABLE devices (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL REFERENCES organisations,
  name            text NOT NULL,
  identifier      text NOT NULL UNIQUE,
  vehicle_id      uuid,
  speed_unit      text NOT NULL DEFAULT 'kn' CHECK (speed_unit IN ('kn', 'kmh', 'mps', 'mph')),
  token_required  boolean NOT NULL DEFAULT false,
  token_hash      text,
  version         integer NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organisation_id, id),
  FOREIGN KEY (organisation_id, vehicle_id) REFERENCES vehicles (organisation_id, id)
);
CREATE INDEX devices_list ON devices (organisation_id, lower(name), id);
CREATE INDEX devices_vehicle ON devices (vehicle_id) WHERE vehicle_id IS NOT NULL;

CREATE TABLE device_fittings (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  vehicle_id      uuid NOT NULL,
  fitted_at       timestamptz NOT NULL DEFAULT now(),
  removed_at      timestamptz,
  FOREIGN KEY (organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE,
  FOREIGN KEY (organisation_id, vehicle_id) REFERENCES vehicles (organisation_id, id)
);
CREATE INDEX device_fittings_vehicle ON device_fittings (vehicle_id, fitted_at);
CREATE UNIQUE INDEX device_fittings_present ON device_fittings (device_id) WHERE removed_at IS NULL;

-- Positions: the hot write. No foreign keys: each would cost a look-up a row, and a device that is deleted keeps its history.
CREATE TABLE positions (
  device_id       uuid NOT NULL,
  fix_time        timestamptz NOT NULL,
  organisation_id uuid NOT NULL,
  vehicle_id      uuid,
  received_at     timestamptz NOT NULL DEFAULT now(),
  latitude        double precision NOT NULL,
  longitude       double precision NOT NULL,
  speed_kmh       real,
  course_degrees  real,
  altitude_metres real,
  accuracy_metres real,
  attributes      jsonb NOT NULL DEFAULT '{}',
  -- The natural key: a device that sends a point again does no harm.
  PRIMARY KEY (device_id, fix_time)
) PARTITION BY RANGE (fix_time);
CREATE INDEX positions_vehicle ON positions (vehicle_id, fix_time) WHERE vehicle_id IS NOT NULL;
CREATE TABLE positions_default PARTITION OF positions DEFAULT;

CREATE TABLE quarantined_positions (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  received_at     timestamptz NOT NULL DEFAULT now(),
  reason          text NOT NULL,
  raw             jsonb NOT NULL
);
CREATE INDEX quarantined_positions_list ON quarantined_positions (organisation_id, received_at);

-- fillfactor 50: a page keeps room for the next version of its rows, which are rewritten with every fix (HOT updates).
CREATE TABLE device_states (
  device_id       uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  last_seen_at    timestamptz NOT NULL,
  fix_time        timestamptz,
  latitude        double precision,
  longitude       double precision,
  speed_kmh       real,
  course_degrees  real,
  altitude_metres real,
  accuracy_metres real
) WITH (fillfactor = 50);

CREATE TABLE vehicle_states (
  vehicle_id      uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  device_id       uuid NOT NULL,
  fix_time        timestamptz NOT NULL,
  received_at     timestamptz NOT NULL,
  latitude        double precision NOT NULL,
  longitude       double precision NOT NULL,
  speed_kmh       real,
  course_degrees  real,
  altitude_metres real,
  accuracy_metres real,
  attributes      jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- Audit and operations --------------------------------------------------------------------------------------------------

CREATE TABLE audit_entries (
  id              uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  at              timestamptz NOT NULL DEFAULT now(),
  action          text NOT NULL,
  actor_kind      text NOT NULL CHECK (actor_kind IN ('user', 'system')),
  actor_id        uuid,
  actor_name      text NOT NULL,
  subject_type    text NOT NULL,
  subject_id      uuid NOT NULL,
  subject_label   text NOT NULL,
  before          jsonb,
  after           jsonb,
  ip_address      text,
  request_id      text
);
CREATE INDEX audit_entries_list ON audit_entries (organisation_id, id);
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, id);

CREATE TABLE operations (
  scope       text NOT NULL,
  key         text NOT NULL,
  sequence    integer NOT NULL,
  fingerprint text NOT NULL,
  result      jsonb,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key, sequence)
);
CREATE INDEX operations_age ON operations (created_at);

-- Row-level security ----------------------------------------------------------------------------------------------------

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['memberships', 'invitations', 'vehicles', 'devices', 'device_fittings', 'positions',
    'quarantined_positions', 'device_states', 'vehicle_states', 'audit_entries']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY organisation ON %I USING (organisation_id = (SELECT app_organisation()))', name);
  END LOOP;
END $$;

ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON organisations USING (id = (SELECT app_organisation()));
-- A person sees the organisations she belongs to, to choose among them.
CREATE POLICY member ON organisations FOR SELECT
  USING (id IN (SELECT organisation_id FROM memberships WHERE user_id = (SELECT app_user())));
CREATE POLICY member ON memberships FOR SELECT USING (user_id = (SELECT app_user()));
-- Whoever holds the link sees the invitation, and the name of the organisation that invites.
CREATE POLICY holder ON invitations FOR SELECT USING (token_hash = (SELECT app_invitation_token_hash()));
CREATE POLICY invited ON organisations FOR SELECT
  USING (id IN (SELECT organisation_id FROM invitations WHERE token_hash = (SELECT app_invitation_token_hash())));

-- Device input: the identifier shows the device; the batch names its organisations.
CREATE POLICY identified ON devices FOR SELECT USING (identifier = ANY ((SELECT app_device_identifiers())::text[]));
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['positions', 'quarantined_positions', 'device_states', 'vehicle_states']
  LOOP
    EXECUTE format('CREATE POLICY ingest ON %I USING (organisation_id = ANY ((SELECT app_ingest_organisations())::uuid[]))', name);
  END LOOP;
END $$;

-- Nobody reads a partition by its own name: no grant, and forced security with a policy for the maintaining owner alone.
ALTER TABLE positions_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE positions_default FORCE ROW LEVEL SECURITY;
CREATE POLICY maintenance ON positions_default TO CURRENT_USER USING (true);

-- Partitions are made ahead, by a job of the serving instances. They own nothing, so the function runs as its owner.
CREATE FUNCTION make_position_partitions(months_ahead integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first_day timestamptz;
  next_day  timestamptz;
  partition text;
  made      integer := 0;
BEGIN
  IF months_ahead NOT BETWEEN 0 AND 24 THEN
    RAISE EXCEPTION 'months_ahead must be 0 to 24, not %', months_ahead;
  END IF;
  -- One at a time: every instance runs this job.
  IF NOT pg_try_advisory_xact_lock(hashtext('make_position_partitions')) THEN
    RETURN 0;
  END IF;
  -- Attaching locks positions_default for a moment. Rather try again in an hour than queue all writers behind it.
  PERFORM set_config('lock_timeout', '2s', true);
  FOR month IN -1 .. months_ahead LOOP
    first_day := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => month)) AT TIME ZONE 'UTC';
    next_day := (first_day AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    partition := 'positions_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE positions INCLUDING DEFAULTS)', partition);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY maintenance ON %I TO CURRENT_USER USING (true)', partition);
    -- Should the job have been away for months, its rows are in the default partition and would refuse the new one.
    EXECUTE format('WITH moved AS (DELETE FROM positions_default WHERE fix_time >= %L AND fix_time < %L RETURNING *)
      INSERT INTO %I SELECT * FROM moved', first_day, next_day, partition);
    EXECUTE format('ALTER TABLE positions ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, first_day, next_day);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- What the serving role may do ------------------------------------------------------------------------------------------
-- fleet_serving is a group without login, made by the migrator; the instances' role is a member of it and owns nothing.

GRANT USAGE ON SCHEMA public TO fleet_serving;
GRANT SELECT, INSERT, UPDATE ON users, organisations, invitations, vehicles TO fleet_serving;
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships, devices, device_fittings, device_states, vehicle_states, operations TO fleet_serving;
GRANT SELECT, INSERT ON positions, quarantined_positions, audit_entries TO fleet_serving;
GRANT SELECT ON schema_migrations TO fleet_serving;
REVOKE ALL ON FUNCTION make_position_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_position_partitions(integer) TO fleet_serving;
