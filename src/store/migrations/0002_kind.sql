-- The connect rate leaves our own calls out.
ALTER TABLE call ADD COLUMN kind TEXT AS (opened ->> 'kind') VIRTUAL;
DROP INDEX call_arrive;
CREATE INDEX call_arrive ON call (t_arrive, kind, within_15s);
