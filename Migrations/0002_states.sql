-- States: activations and directions, named by their content.
--
-- The numbers are not in the database but in files beside it, FILE.states/<hexadecimal digits>.safetensors: a state may
-- be hundreds of megabytes long. A row is committed only after its file is on disk, and a file goes only after its row.
-- A file without a row is what a crash between the two leaves; it means nothing, and is taken up again if the same
-- state is stored again.

CREATE TABLE states (
    sequence   INTEGER PRIMARY KEY,        -- order of arrival
    digest     TEXT    NOT NULL UNIQUE CHECK (length(digest) = 71 AND digest GLOB 'sha256:*'),
    name       TEXT,                       -- what people call it; the name that was given last
    model      TEXT,                       -- whose state it is, where that is known
    site       TEXT,                       -- where in a layer, where that is known
    layers     TEXT    CHECK (layers IS NULL OR (json_valid(layers) AND json_array_length(layers) = layer_count)),
    layer_count    INTEGER NOT NULL CHECK (layer_count > 0),      -- the shape: [layer_count, position_count, width]
    position_count INTEGER NOT NULL CHECK (position_count > 0),
    width          INTEGER NOT NULL CHECK (width > 0),
    bytes      INTEGER NOT NULL,           -- size of the file
    created_at TEXT    NOT NULL,
    origin     TEXT    NOT NULL CHECK (json_valid(origin))        -- how it was made, the first time
) STRICT;

CREATE INDEX states_by_name  ON states (name, sequence) WHERE name IS NOT NULL;
CREATE INDEX states_by_model ON states (model, sequence) WHERE model IS NOT NULL;
CREATE INDEX states_by_site  ON states (site, sequence) WHERE site IS NOT NULL;
