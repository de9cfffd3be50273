-- What the chat platforms need: threads, what messages carry beside their text, and answers that leave in parts.

ALTER TABLE chats ADD COLUMN parent_id TEXT COLLATE "C"; -- the chat it is a thread of
CREATE INDEX chats_by_parent ON chats (parent_id) WHERE parent_id IS NOT NULL;

ALTER TABLE messages ADD COLUMN details TEXT;          -- beside the text: JSON of proto::inbound::Details; NULL: nothing
ALTER TABLE dead_letters ADD COLUMN details TEXT;      -- as in messages

ALTER TABLE outbox
    ADD COLUMN extra        TEXT,                      -- beside the text: JSON of proto::outbound::Extra
    ADD COLUMN failures     BIGINT  NOT NULL DEFAULT 0, -- of the attempts, those in a row that brought nothing
    ADD COLUMN sent_through BIGINT  NOT NULL DEFAULT 0, -- bytes of the text that were sent in earlier parts
    ADD COLUMN in_doubt     BOOLEAN NOT NULL DEFAULT FALSE; -- one of these parts may not have arrived
