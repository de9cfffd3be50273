-- What did not arrive, or may not have, is counted and listed.

CREATE INDEX outbox_undelivered ON outbox (done_at) WHERE state IN ('uncertain', 'dead');
