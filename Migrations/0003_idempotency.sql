-- Requests that may be sent again: which key made which job.

CREATE TABLE idempotency_keys (
    key        TEXT    PRIMARY KEY NOT NULL CHECK (key <> ''),   -- Idempotency-Key, as the client chose it
    request    TEXT    NOT NULL,                                 -- SHA-256 of path and content: the same key, the same request
    job        TEXT    NOT NULL REFERENCES jobs (id),
    created_at TEXT    NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_by_job ON idempotency_keys (job);

-- Jobs that have ended, the oldest first: what is looked through for those that may go.
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
