-- What came of the call's third parties (R23).
ALTER TABLE ticket ADD COLUMN threeway_result TEXT;
