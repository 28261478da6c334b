-- When the files of a recording were last compared with their seal, and what came of it (R68).
ALTER TABLE recording ADD COLUMN checked INTEGER;
ALTER TABLE recording ADD COLUMN condition TEXT;
CREATE INDEX recording_checked ON recording (coalesce(checked, 0), started, call);
CREATE INDEX recording_condition ON recording (condition) WHERE condition <> 'verified';
