-- Keys: who may use the server, how much, and whose jobs, pictures and states are whose.
--
-- A key's text is never stored, only its SHA-256: the text has 256 random bits, so that nobody can find it by trying, and
-- a slow hash would protect nothing more. Rows are kept when keys are revoked: jobs name them, and a server that ever
-- had a key does not open its doors because the last one was revoked.

CREATE TABLE keys (
    id            TEXT    PRIMARY KEY NOT NULL CHECK (length(id) = 8),   -- the part of the text that may be shown
    name          TEXT    NOT NULL,                 -- whose it is, for people
    hash          BLOB    NOT NULL CHECK (length(hash) = 32),
    is_admin      INTEGER NOT NULL CHECK (is_admin IN (0, 1)),           -- sees everything, makes keys
    job_limit     INTEGER CHECK (job_limit > 0),      -- unfinished jobs; NULL: no limit of its own
    cell_limit    INTEGER CHECK (cell_limit > 0),     -- cells of unfinished jobs that are not recorded yet
    request_limit INTEGER CHECK (request_limit > 0),  -- requests a minute
    byte_limit    INTEGER CHECK (byte_limit > 0),     -- bytes of pictures and states
    created_at    TEXT    NOT NULL,
    revoked_at    TEXT
) STRICT;

-- Whose job it is; NULL where it was submitted without a key.
ALTER TABLE jobs ADD COLUMN key TEXT REFERENCES keys (id);
CREATE INDEX jobs_by_key ON jobs (key, id) WHERE key IS NOT NULL;

-- Who uploaded or made what. The same picture may be several keys', who need not know of each other.
CREATE TABLE image_holders (
    key    TEXT NOT NULL REFERENCES keys (id),
    digest TEXT NOT NULL REFERENCES images (digest) ON DELETE CASCADE,
    PRIMARY KEY (key, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_holders_by_digest ON image_holders (digest);

CREATE TABLE state_holders (
    key    TEXT NOT NULL REFERENCES keys (id),
    digest TEXT NOT NULL REFERENCES states (digest) ON DELETE CASCADE,
    PRIMARY KEY (key, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_holders_by_digest ON state_holders (digest);
