-- What happened to an account: signing in and out, refusals, the password. An account belongs to no organisation, and opens all of those that its person belongs to: the event stands in
-- the person's own log, and in the audit log of each of those organisations.

CREATE TABLE account_events (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users,
  at         timestamptz NOT NULL,
  action     text NOT NULL,
  -- How many attempts within the hour the entry stands for; null where that is of no meaning.
  attempts   integer,
  ip_address text,
  user_agent text,
  request_id text
);
CREATE INDEX account_events_list ON account_events (user_id, id);
CREATE INDEX account_events_age ON account_events (at);

ALTER TABLE account_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_events FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON account_events USING (user_id = (SELECT app_user()));
CREATE POLICY maintenance ON account_events TO CURRENT_USER USING (true);
GRANT SELECT, INSERT ON account_events TO fleet_serving;

-- Into the audit log of an organisation that the person belongs to, about the person's own account, and about nothing else.
CREATE POLICY account ON audit_entries FOR INSERT WITH CHECK (
  subject_type = 'account' AND subject_id = (SELECT app_user())
  AND organisation_id IN (SELECT organisation_id FROM memberships WHERE user_id = (SELECT app_user())));

CREATE FUNCTION delete_old_account_events(days integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone integer;
BEGIN
  IF days < 30 THEN
    RAISE EXCEPTION 'days must be at least 30, not %', days;
  END IF;
  DELETE FROM account_events WHERE at < now() - make_interval(days => days);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION delete_old_account_events(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_old_account_events(integer) TO fleet_serving;
