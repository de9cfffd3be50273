-- What a platform says about a message after it has accepted it: sent, delivered, read, failed.

ALTER TABLE outbox ADD COLUMN receipt TEXT; -- newest one: JSON of proto::outbound::Receipt
