-- Outgoing mail, written in the transaction of the change that it tells of and sent by a job afterwards; and
-- the links by which a forgotten password is set anew.

CREATE TABLE mails (
  -- The Message-ID's left part as well: sent twice, it is one mail to whoever receives it.
  id              uuid PRIMARY KEY,
  organisation_id uuid,
  recipient       text NOT NULL,
  template        text NOT NULL,
  language        text NOT NULL CHECK (language IN ('en', 'de')),
  data            jsonb NOT NULL,
  -- The link, encrypted: a copy of the database opens nobody's account. Gone once the mail is sent.
  sealed_path     text,
  -- Null: there was no mail server to send it by, and an owner is shown it.
  job_id          uuid,
  created_at      timestamptz NOT NULL DEFAULT now(),
  sent_at         timestamptz
);
CREATE INDEX mails_list ON mails (organisation_id, id);
CREATE INDEX mails_age ON mails (created_at);
ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON mails USING (organisation_id = (SELECT app_organisation()));
CREATE POLICY work ON mails USING (current_setting('app.jobs', true) = 'on');
GRANT SELECT, INSERT, UPDATE, DELETE ON mails TO fleet_serving;

CREATE TABLE password_resets (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users,
  -- SHA-256 of the link's token, in hexadecimal.
  token_hash text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX password_resets_user ON password_resets (user_id, created_at);
CREATE INDEX password_resets_age ON password_resets (created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON password_resets TO fleet_serving;
