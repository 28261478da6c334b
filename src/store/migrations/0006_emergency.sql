-- An emergency ticket (R28): its category, the calls to duty phones on its behalf, and who took it over.
ALTER TABLE ticket ADD COLUMN emergency TEXT;
ALTER TABLE ticket_edit ADD COLUMN emergency TEXT;
CREATE TABLE duty_call (
    call TEXT PRIMARY KEY,
    ticket TEXT NOT NULL,
    began INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX duty_call_ticket ON duty_call (ticket, began);
CREATE TABLE handover (
    ticket TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT;
