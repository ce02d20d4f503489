-- Requests that may be sent again: which key made which job. Jobs that are deleted: how many there were.

CREATE TABLE idempotency_keys (
    key        TEXT    PRIMARY KEY NOT NULL CHECK (key <> ''),   -- Idempotency-Key, as the client chose it
    request    TEXT    NOT NULL,                                 -- SHA-256 of path and content: the same key, the same request
    job        TEXT    NOT NULL REFERENCES jobs (id),
    created_at TEXT    NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);

-- Jobs that have ended, the oldest first: what is looked through for those that may go.
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;

-- One row. Row numbers of cells may be given again once the newest are gone; with this count they never mean two things.
CREATE TABLE deletions (
    jobs INTEGER NOT NULL
) STRICT;

INSERT INTO deletions (jobs) VALUES (0);
