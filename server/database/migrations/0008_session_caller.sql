-- Who asks, as an expression: it stands in the round trip that a request makes anyway, beside its settings, and costs
-- none of its own. PL/pgSQL, because a session keeps the plan; with the caller's rights, under the same row-level
-- security as every query, whose setting is put back for what comes after it in the transaction.
--
-- NULL: there is no such user. "organisationId": the one that is asked for, or, where the user is no member of it, the
-- one that was joined first; null: none. "revoked": whether the session was ended.
CREATE FUNCTION session_caller(asked_user uuid, asked_organisation uuid, asked_session text, revocations_up_to timestamptz)
  RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before text := current_setting('app.user_id', true);
  answer text;
BEGIN
  PERFORM set_config('app.user_id', asked_user::text, true);
  SELECT json_build_object('id', m.id, 'organisationId', m.organisation_id, 'role', m.role, 'name', u.name, 'email', u.email,
      'revoked', EXISTS (SELECT FROM session_revocations r WHERE r.user_id = u.id AND (r.session_id = asked_session
        OR (r.session_id IS NULL AND r.kept_session_id IS DISTINCT FROM asked_session AND r.revoked_at > revocations_up_to))))
    INTO answer
    FROM users u LEFT JOIN memberships m ON m.user_id = u.id
    WHERE u.id = asked_user
    ORDER BY m.organisation_id IS NOT DISTINCT FROM asked_organisation DESC, m.joined_at
    LIMIT 1;
  PERFORM set_config('app.user_id', coalesce(before, ''), true);
  RETURN answer;
END $$;

REVOKE ALL ON FUNCTION session_caller(uuid, uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_caller(uuid, uuid, text, timestamptz) TO fleet_serving;
