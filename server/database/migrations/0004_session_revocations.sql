-- Sessions live in Redis and in sealed proofs that browsers hold; what ends them before their time stands here, because it must be lost in no failover and
-- must hold while Redis is away. Asked with every request, in the query that asks for the membership.

CREATE TABLE session_revocations (
  id              uuid PRIMARY KEY,
  user_id         uuid NOT NULL REFERENCES users,
  -- Null: all sessions of the user that began before revoked_at, but for kept_session_id.
  session_id      text,
  kept_session_id text,
  revoked_at      timestamptz NOT NULL,
  -- No session that this could name is alive after it.
  expires_at      timestamptz NOT NULL
);
CREATE INDEX session_revocations_user ON session_revocations (user_id, session_id);
CREATE INDEX session_revocations_expiry ON session_revocations (expires_at);
CREATE INDEX session_revocations_moment ON session_revocations (revoked_at);

ALTER TABLE session_revocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_revocations FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON session_revocations USING (user_id = (SELECT app_user()));
CREATE POLICY maintenance ON session_revocations TO CURRENT_USER USING (true);

GRANT SELECT, INSERT ON session_revocations TO fleet_serving;

-- For the replay into a Redis that has come back: across users, so it runs as the owner. Bounded, newest first: what it leaves out is found by each request.
CREATE FUNCTION recent_session_revocations(since timestamptz, most integer)
  RETURNS TABLE (user_id uuid, session_id text, kept_session_id text, revoked_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.user_id, r.session_id, r.kept_session_id, r.revoked_at FROM session_revocations r
    WHERE r.revoked_at >= since ORDER BY r.revoked_at DESC LIMIT least(most, 10000)
$$;

CREATE FUNCTION delete_ended_session_revocations() RETURNS integer
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH gone AS (DELETE FROM session_revocations WHERE expires_at < now() RETURNING 1) SELECT count(*)::integer FROM gone
$$;

REVOKE ALL ON FUNCTION recent_session_revocations(timestamptz, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION delete_ended_session_revocations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recent_session_revocations(timestamptz, integer) TO fleet_serving;
GRANT EXECUTE ON FUNCTION delete_ended_session_revocations() TO fleet_serving;
