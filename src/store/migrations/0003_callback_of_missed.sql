-- The task that a missed call has left or joined.
ALTER TABLE missed_call ADD COLUMN callback_task TEXT;
