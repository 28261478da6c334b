-- What the archive decides (R69, R70): when a ticket's matter was over, classes, holds, batches to be destroyed.
ALTER TABLE ticket ADD COLUMN archived INTEGER;
ALTER TABLE recording ADD COLUMN destroyed TEXT;
CREATE INDEX recording_kept ON recording (keep_until, path) WHERE destroyed IS NULL;
CREATE TABLE retention_class (
    call TEXT PRIMARY KEY,
    class TEXT,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE legal_hold (
    case_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    lifted TEXT,
    PRIMARY KEY (case_id, kind, subject, at)
) STRICT;
CREATE INDEX legal_hold_stands ON legal_hold (kind, subject) WHERE lifted IS NULL;
CREATE TABLE destruction (
    batch TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    data TEXT NOT NULL,
    begun_by TEXT,
    record TEXT
) STRICT;
CREATE TABLE destruction_approval (
    batch TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (batch, by)
) STRICT;
CREATE TABLE destruction_line (
    batch TEXT NOT NULL,
    path TEXT NOT NULL,
    data TEXT NOT NULL,
    outcome TEXT,
    PRIMARY KEY (batch, path)
) STRICT;
CREATE INDEX destruction_line_path ON destruction_line (path);
