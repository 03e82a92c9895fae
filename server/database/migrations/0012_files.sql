-- Files that people upload or jobs make, where no bucket is set: several instances share no folder. A file is
-- written in pieces, each in a transaction of its own, and is there once its row says that it is complete.
-- docs/database.md, "Files", has the whole of it.

CREATE TABLE files (
  id           uuid PRIMARY KEY,
  -- Compared byte by byte: a list by the beginning of keys is in their order, and found by the index.
  key          text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 512),
  content_type text NOT NULL,
  -- Known once it is complete.
  bytes        bigint,
  chunks       integer,
  begun_at     timestamptz NOT NULL DEFAULT now(),
  -- Null: it is being written, or whoever wrote it has died. Nobody reads it.
  completed_at timestamptz,
  CHECK ((completed_at IS NOT NULL) = (bytes IS NOT NULL AND chunks IS NOT NULL))
);
-- One file a key; beside it any number that are being written.
CREATE UNIQUE INDEX files_key ON files (key) WHERE completed_at IS NOT NULL;
CREATE INDEX files_half ON files (begun_at) WHERE completed_at IS NULL;

CREATE TABLE file_chunks (
  file_id  uuid NOT NULL REFERENCES files ON DELETE CASCADE,
  position integer NOT NULL CHECK (position >= 0),
  data     bytea NOT NULL,
  PRIMARY KEY (file_id, position)
);

-- A key is the storage's and has no organisation of its own, so a transaction sees the files whose keys it
-- names: '/' and one key, or the beginning of several. Without the setting it sees none.
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
ALTER TABLE files FORCE ROW LEVEL SECURITY;
CREATE POLICY named ON files
  USING (starts_with(key, substr(nullif(current_setting('app.file_keys', true), ''), 2)));
ALTER TABLE file_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE file_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY of_file ON file_chunks USING (EXISTS (SELECT FROM files f WHERE f.id = file_id));

-- A chunk goes with its file, and nobody changes one.
GRANT SELECT, INSERT, UPDATE, DELETE ON files TO fleet_serving;
GRANT SELECT, INSERT ON file_chunks TO fleet_serving;
