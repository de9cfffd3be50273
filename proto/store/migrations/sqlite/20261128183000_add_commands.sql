-- What people ask for from their chats: that a turn ends now, and that a chat is brought to a group.

ALTER TABLE turns ADD COLUMN stop_asked_at INTEGER;    -- when somebody wanted it to end at once
CREATE INDEX turns_to_stop ON turns (group_id) WHERE state = 'open' AND stop_asked_at IS NOT NULL;

CREATE TABLE pairings (
    chat_id  TEXT    NOT NULL PRIMARY KEY REFERENCES chats (id), -- who asks
    code     TEXT    NOT NULL UNIQUE,                  -- by which it is approved
    asked_at INTEGER NOT NULL                          -- since when the code holds
) STRICT;
