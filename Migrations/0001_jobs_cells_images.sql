-- The first schema: pictures, jobs, their cells, and what happened to each job.
--
-- The file is meant to be read by people: sqlite3 -readonly FILE, pandas, Datasette. Times are RFC 3339 UTC with
-- milliseconds, so text order is time order. Truth values are 0 or 1. JSON columns hold whole documents as they go over
-- the wire. Long columns stand last in their tables, so that a query over the short ones never reads their pages.
--
-- A migration is never edited once it has been released: its SHA-256 is kept in schema_migrations and compared at start.

-- Pictures by content: the same bytes are one row however often they are uploaded.
CREATE TABLE images (
    sequence   INTEGER PRIMARY KEY,        -- order of arrival
    digest     TEXT    NOT NULL UNIQUE CHECK (length(digest) = 71 AND digest GLOB 'sha256:*'),
    format     TEXT    NOT NULL,           -- png, jpeg
    width      INTEGER NOT NULL CHECK (width > 0),
    height     INTEGER NOT NULL CHECK (height > 0),
    bytes      INTEGER NOT NULL CHECK (bytes = length(content)),
    created_at TEXT    NOT NULL,
    content    BLOB    NOT NULL            -- the file as it was uploaded
) STRICT;

-- What was asked. Ids are ULIDs: their order is the order of submission.
CREATE TABLE jobs (
    id               TEXT    PRIMARY KEY NOT NULL CHECK (length(id) = 26),
    kind             TEXT    NOT NULL CHECK (kind <> ''),    -- caption, knockout, patch
    model            TEXT    NOT NULL,
    status           TEXT    NOT NULL
                     CHECK (status IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    attempt          INTEGER NOT NULL DEFAULT 0,             -- how often it was begun; an orderly stop begins no new one
    total            INTEGER NOT NULL CHECK (total >= 0),    -- cells it has
    done             INTEGER NOT NULL DEFAULT 0,             -- cells recorded, failed ones among them
    failed           INTEGER NOT NULL DEFAULT 0,             -- cells recorded as failed
    created_at       TEXT    NOT NULL,
    started_at       TEXT,
    ended_at         TEXT,
    lease_owner      TEXT,                                   -- who runs it now
    lease_token      INTEGER NOT NULL DEFAULT 0,             -- rises with every claim: an older token can write nothing
    lease_expires_at TEXT,
    error            TEXT    CHECK (error IS NULL OR json_valid(error)),
    summary          TEXT    CHECK (summary IS NULL OR json_valid(summary)),
    request          TEXT    NOT NULL CHECK (json_valid(request)),   -- as accepted, defaults filled in
    CHECK (done <= total AND failed <= done),
    CHECK ((ended_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled')))
) STRICT;

CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE INDEX jobs_by_kind   ON jobs (kind, id);
CREATE INDEX jobs_by_model  ON jobs (model, id);

-- What came out: one row for each (input, variant), recorded once.
CREATE TABLE cells (
    job                    TEXT    NOT NULL REFERENCES jobs (id),
    ordinal                INTEGER NOT NULL CHECK (ordinal >= 0),   -- place in the job; the wire's id is job/ordinal
    stack_group            INTEGER NOT NULL,                        -- cells computed and recorded together
    kind                   TEXT    NOT NULL,
    model                  TEXT    NOT NULL,
    status                 TEXT    NOT NULL CHECK (status IN ('ok', 'failed')),
    input                  TEXT    NOT NULL,                        -- the request's name for the input or the pair
    image                  TEXT    REFERENCES images (digest),      -- the picture; of a patch, the base's
    source_image           TEXT    REFERENCES images (digest),      -- of a patch, the source's
    variant                TEXT,                                    -- of a knockout
    layer                  INTEGER,                                 -- of a variant for one layer
    site                   TEXT,                                    -- of a patch
    positions              TEXT,                                    -- of a patch, as resolved
    similarity             REAL,       -- overlap of next-token distributions: clean and cut; source and patched
    similarity_base_source REAL,       -- overlap of the two clean runs of a patch
    kl                     REAL,       -- KL(clean || intervened), nats
    effect                 REAL,       -- total variation between clean and intervened
    top1_agrees            INTEGER CHECK (top1_agrees IN (0, 1)),
    near_tie               INTEGER CHECK (near_tie IN (0, 1)),
    caption_agrees         INTEGER CHECK (caption_agrees IN (0, 1)),
    accurate               INTEGER CHECK (accurate IN (0, 1)),      -- patched: P(source token) > P(base token)
    flipped                INTEGER CHECK (flipped IN (0, 1)),       -- accurate, and not so in the clean base run
    base_correct           INTEGER CHECK (base_correct IN (0, 1)),
    source_correct         INTEGER CHECK (source_correct IN (0, 1)),
    base_token             TEXT,
    base_token_p_base      REAL,       -- probability of the base token in the clean base run
    base_token_p_source    REAL,       -- … in the clean source run
    base_token_p_patched   REAL,       -- … in the patched run
    source_token           TEXT,
    source_token_p_base    REAL,
    source_token_p_source  REAL,
    source_token_p_patched REAL,
    logit_difference_base    REAL,     -- source token minus base token, clean base run
    logit_difference_source  REAL,
    logit_difference_patched REAL,
    seconds                REAL,
    created_at             TEXT    NOT NULL,
    caption                TEXT,
    error                  TEXT    CHECK (error IS NULL OR json_valid(error)),
    document               TEXT    NOT NULL CHECK (json_valid(document)),   -- the whole row as on the wire, with provenance
    PRIMARY KEY (job, ordinal)
) STRICT;

-- Every filter of /v1/results leads straight to its cells, in the order of its pages.
CREATE INDEX cells_by_model        ON cells (model, job, ordinal);
CREATE INDEX cells_by_kind         ON cells (kind, job, ordinal);
CREATE INDEX cells_by_variant      ON cells (variant, job, ordinal) WHERE variant IS NOT NULL;
CREATE INDEX cells_by_layer        ON cells (layer, job, ordinal) WHERE layer IS NOT NULL;
CREATE INDEX cells_by_site         ON cells (site, job, ordinal) WHERE site IS NOT NULL;
CREATE INDEX cells_by_image        ON cells (image, job, ordinal) WHERE image IS NOT NULL;
CREATE INDEX cells_by_source_image ON cells (source_image, job, ordinal) WHERE source_image IS NOT NULL;
CREATE INDEX cells_by_time         ON cells (created_at, job, ordinal);
CREATE INDEX cells_failed          ON cells (job, ordinal) WHERE status = 'failed';

-- What happened to a job, in order: written in the transaction that made it happen, replayed to late followers.
CREATE TABLE events (
    job         TEXT    NOT NULL REFERENCES jobs (id),
    sequence    INTEGER NOT NULL,          -- 1, 2, … within the job
    type        TEXT    NOT NULL CHECK (type IN ('state', 'progress')),
    status      TEXT    NOT NULL,          -- of the job, then
    attempt     INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    stack_group INTEGER,                   -- of progress: whose cells were recorded
    created_at  TEXT    NOT NULL,
    PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;
