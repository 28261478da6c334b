-- The finding aid of the archive: a row for each recording, with what it is looked for by. Its place is the start in
-- milliseconds * 16 + the last hex digit of the call, so that the newest first is by place downwards; `caller` is
-- the number backwards, so that its last digits come first.
CREATE TABLE finding (
    place INTEGER PRIMARY KEY,
    call TEXT NOT NULL,
    ticket TEXT,
    caller TEXT,
    code TEXT,
    centre TEXT,
    seat TEXT,
    length_ms INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    parties TEXT NOT NULL
) STRICT;
CREATE INDEX finding_ticket ON finding (ticket);
CREATE INDEX finding_caller ON finding (caller);
CREATE INDEX finding_code ON finding (code);
CREATE INDEX finding_centre ON finding (centre);
CREATE INDEX finding_not_whole ON finding (verdict) WHERE verdict <> 'ok';

-- Everybody on the line but the citizen, by number or code and by name.
CREATE TABLE finding_party (
    who TEXT NOT NULL,
    place INTEGER NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (who, place, role)
) STRICT, WITHOUT ROWID;

-- The words of the ticket (`store/wording.rs`); the rowid is the place.
CREATE VIRTUAL TABLE finding_text USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');

ALTER TABLE recording ADD COLUMN place INTEGER;
CREATE TRIGGER finding_goes_with_its_recording AFTER DELETE ON recording WHEN old.place IS NOT NULL BEGIN
    DELETE FROM finding_party WHERE place = old.place
        AND who IN (SELECT value FROM json_each((SELECT parties FROM finding WHERE place = old.place)));
    DELETE FROM finding_text WHERE rowid = old.place;
    DELETE FROM finding WHERE place = old.place;
END;

-- Recordings from before, newest first: those below this one are still to be written. No row: there are none.
CREATE TABLE finding_behind (
    started INTEGER NOT NULL,
    call TEXT NOT NULL
) STRICT;
INSERT INTO finding_behind (started, call)
    SELECT started + 1, call FROM recording ORDER BY started DESC, call DESC LIMIT 1;
