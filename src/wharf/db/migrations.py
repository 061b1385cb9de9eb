"""The schema, as the steps that made it. A step that was released is never changed; append new ones."""

from typing import Final

_CONTAINERS: Final = """
CREATE TABLE containers (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    record  BLOB NOT NULL  -- JSON of engine.containers.record.Container
) WITHOUT ROWID
"""

_IMAGES: Final = """
CREATE TABLE images (
    id      TEXT PRIMARY KEY,  -- digest of the config
    record  BLOB NOT NULL      -- JSON of engine.images.record.Image
) WITHOUT ROWID;
CREATE TABLE tags (
    reference TEXT PRIMARY KEY,  -- canonical: docker.io/library/busybox:latest, or name@sha256:...
    image     TEXT NOT NULL REFERENCES images (id)
) WITHOUT ROWID;
CREATE INDEX tags_by_image ON tags (image);
CREATE TABLE layers (
    chain_id  TEXT PRIMARY KEY,
    diff_id   TEXT NOT NULL,
    parent    TEXT,              -- chain id below, NULL for the lowest
    directory TEXT NOT NULL,     -- short name under the snapshotter's root
    size      INTEGER NOT NULL   -- bytes of the unpacked layer
) WITHOUT ROWID
"""

_NETWORKS: Final = """
CREATE TABLE networks (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    record  BLOB NOT NULL
) WITHOUT ROWID
"""

_VOLUMES: Final = """
CREATE TABLE volumes (
    name    TEXT PRIMARY KEY,
    record  BLOB NOT NULL  -- JSON of engine.volumes.record.Volume
) WITHOUT ROWID
"""

#: A container has many endpoints, by network; it had one, on the default bridge.
_ENDPOINTS: Final = """
UPDATE containers SET record = CAST(json_remove(json_set(CAST(record AS TEXT), '$.endpoints', json(
    CASE WHEN json_type(CAST(record AS TEXT), '$.endpoint') = 'object'
    THEN json_object('bridge', json_extract(CAST(record AS TEXT), '$.endpoint')) ELSE '{}' END
)), '$.endpoint') AS BLOB)
"""

_VOLUME_USES: Final = """
CREATE TABLE volume_uses (
    volume  TEXT NOT NULL,
    user    TEXT NOT NULL,  -- id of a container, or what else the volume was mounted for
    PRIMARY KEY (volume, user)
) WITHOUT ROWID;
CREATE TABLE volume_renames (  -- the record has the new name, the directory perhaps not yet
    old     TEXT PRIMARY KEY,
    new     TEXT NOT NULL
) WITHOUT ROWID
"""

_PLUGINS: Final = """
CREATE TABLE plugins (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    record  BLOB NOT NULL  -- JSON of engine.plugins.record.PluginRecord
) WITHOUT ROWID
"""

MIGRATIONS: Final = (_CONTAINERS, _IMAGES, _NETWORKS, _VOLUMES, _ENDPOINTS, _VOLUME_USES, _PLUGINS)
