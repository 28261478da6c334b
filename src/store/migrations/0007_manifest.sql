-- Which manifest lists it; the seal's time, or the call's end where an older one does not say.
ALTER TABLE recording ADD COLUMN listed TEXT;
ALTER TABLE recording ADD COLUMN sealed INTEGER AS (coalesce(data ->> 'sealed_at', data ->> 'ended')) VIRTUAL;
CREATE INDEX recording_unlisted ON recording (path) WHERE listed IS NULL;
ALTER TABLE recording_failure ADD COLUMN listed TEXT;
CREATE INDEX recording_failure_unlisted ON recording_failure (at, call) WHERE listed IS NULL;
