-- Times are milliseconds since 1970 UTC; `day` is the local day of a ticket number, 20261124; a call is 16 hex digits.

CREATE TABLE journal_position (
    journal TEXT PRIMARY KEY,
    applied INTEGER NOT NULL
) STRICT;

CREATE TABLE set_aside (
    journal TEXT NOT NULL,
    seq INTEGER NOT NULL,
    why TEXT NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (journal, seq)
) STRICT;

-- An answered call. `opened` and `ended` hold the rest of rules.md §8 as JSON.
CREATE TABLE call (
    call TEXT PRIMARY KEY,
    caller TEXT,
    original_code TEXT NOT NULL,
    trunk TEXT NOT NULL,
    centre TEXT NOT NULL,
    seat TEXT NOT NULL,
    t_arrive INTEGER NOT NULL,
    t_answer INTEGER NOT NULL,
    t_end INTEGER,
    within_15s INTEGER NOT NULL,
    end_reason TEXT,
    opened TEXT NOT NULL,
    ended TEXT
) STRICT;
CREATE INDEX call_arrive ON call (t_arrive, within_15s);
CREATE INDEX call_answer ON call (t_answer, call);
CREATE INDEX call_caller ON call (caller, t_answer);
CREATE INDEX call_seat ON call (seat, t_answer);

CREATE TABLE ticket (
    number TEXT PRIMARY KEY,
    call TEXT NOT NULL UNIQUE REFERENCES call (call),
    prefix TEXT NOT NULL,
    day INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    state TEXT NOT NULL,
    kind TEXT,
    place TEXT,
    text TEXT,
    version INTEGER NOT NULL,
    invalid TEXT
) STRICT;
CREATE INDEX ticket_serial ON ticket (prefix, day, serial);

CREATE TABLE ticket_edit (
    edit TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    version INTEGER NOT NULL,
    carried_out INTEGER NOT NULL,
    kind TEXT,
    place TEXT,
    text TEXT,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_edit_number ON ticket_edit (number, at);

CREATE TABLE missed_call (
    call TEXT PRIMARY KEY,
    caller TEXT,
    original_code TEXT,
    trunk TEXT NOT NULL,
    t_arrive INTEGER NOT NULL,
    stage TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX missed_arrive ON missed_call (t_arrive, call);
CREATE INDEX missed_caller ON missed_call (caller, t_arrive);

CREATE TABLE callback_task (
    task TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    code TEXT NOT NULL,
    first_missed INTEGER NOT NULL,
    last_missed INTEGER NOT NULL,
    misses INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_attempt INTEGER,
    closed INTEGER,
    why TEXT
) STRICT;
CREATE UNIQUE INDEX callback_open ON callback_task (caller) WHERE closed IS NULL;
CREATE INDEX callback_caller ON callback_task (caller, first_missed);

CREATE TABLE recording (
    path TEXT PRIMARY KEY,
    call TEXT NOT NULL,
    started INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    keep_until TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX recording_call ON recording (call);
CREATE INDEX recording_started ON recording (started, call);

CREATE TABLE recording_failure (
    call TEXT NOT NULL,
    at INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (call, at)
) STRICT;

CREATE TABLE access (
    id INTEGER PRIMARY KEY,
    call TEXT NOT NULL,
    who TEXT NOT NULL,
    purpose TEXT NOT NULL,
    client TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (call, at, who, purpose, client)
) STRICT;

CREATE TABLE seat_history (
    id INTEGER PRIMARY KEY,
    seat TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    UNIQUE (seat, at, state)
) STRICT;

CREATE TABLE alarm (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    detail TEXT,
    raised INTEGER NOT NULL,
    cleared INTEGER,
    UNIQUE (name, subject, raised)
) STRICT;
CREATE UNIQUE INDEX alarm_active ON alarm (name, subject) WHERE cleared IS NULL;
