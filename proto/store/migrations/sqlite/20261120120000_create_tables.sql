-- The tables of design §4. Conventions: times (`…_at`, `not_before`, `due_at`) are milliseconds since 1970 UTC; ids are text
-- (UUIDv7 in hyphenated form, names as given); flags are 0 or 1. Which times are in here never decides who wins, only when
-- to try.

-- A group: unit of isolation, order and memory. A removed group keeps its row, so that epochs and inbox positions go on
-- counting when the name is used again and no fence of its former life can match.
CREATE TABLE groups (
    id                TEXT    NOT NULL PRIMARY KEY, -- folder name
    name              TEXT    NOT NULL,             -- for people
    is_main           INTEGER NOT NULL CHECK (is_main IN (0, 1)), -- may act for all groups
    settings          TEXT    NOT NULL,             -- JSON of proto::group::GroupSettings
    created_at        INTEGER NOT NULL,             -- when it was registered
    removed           INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)), -- unregistered
    head_ord          INTEGER NOT NULL DEFAULT 0,   -- last position given out in the inbox
    cursor_ord        INTEGER NOT NULL DEFAULT 0,   -- covered by closed turns up to here
    shown_ord         INTEGER NOT NULL DEFAULT 0,   -- of that, shown to the group's session or needless; isolated firings leave it
    ready_at          INTEGER,                      -- since when a message that engages waits; NULL: nothing to do
    ready_kind        TEXT    NOT NULL DEFAULT 'interactive' CHECK (ready_kind IN ('interactive', 'task')), -- for whom
    not_before        INTEGER NOT NULL DEFAULT 0,   -- back-off after a failed attempt
    owner             TEXT,                         -- runner that holds the claim
    owner_incarnation INTEGER,                      -- which life of it
    epoch             INTEGER NOT NULL DEFAULT 0,   -- claims so far, and forced releases: the fence
    last_runner       TEXT,                         -- who held it last: its workspace is there
    attempts          INTEGER NOT NULL DEFAULT 0,   -- attempts at the turn at hand; charged at the claim
    runner_deaths     INTEGER NOT NULL DEFAULT 0,   -- runners that died over the turn at hand
    session_id        TEXT,                         -- Agent SDK session to resume
    active_at         INTEGER NOT NULL DEFAULT 0,   -- last begin or commit of a turn; dates transcript lines
    CHECK ((owner IS NULL) = (owner_incarnation IS NULL)),
    CHECK (shown_ord <= cursor_ord AND cursor_ord <= head_ord)
) STRICT;

-- Finds who may be claimed without looking at the groups that rest or are owned.
CREATE INDEX groups_waiting ON groups (ready_at) WHERE owner IS NULL AND ready_at IS NOT NULL;
CREATE INDEX groups_owned ON groups (owner) WHERE owner IS NOT NULL;

-- The last line of defence against handing the same messages to an agent twice.
CREATE TRIGGER groups_cursor_never_decreases BEFORE UPDATE OF cursor_ord ON groups
WHEN NEW.cursor_ord < OLD.cursor_ord
BEGIN
    SELECT RAISE(ABORT, 'the cursor of a group never decreases');
END;

CREATE TRIGGER groups_epoch_never_decreases BEFORE UPDATE OF epoch ON groups
WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT RAISE(ABORT, 'the epoch of a group never decreases');
END;

-- A chat: one conversation on a platform; known as soon as it is seen, registered once it has a group.
CREATE TABLE chats (
    id            TEXT    NOT NULL PRIMARY KEY, -- <channel>:<platform id>
    channel       TEXT    NOT NULL,             -- the channel it is on
    account       TEXT    NOT NULL,             -- the account that sends for it; the one that heard of it last
    name          TEXT,                         -- for people; NULL: not known
    is_group_chat INTEGER NOT NULL CHECK (is_group_chat IN (0, 1)), -- more than two people may be in it
    group_id      TEXT REFERENCES groups (id),  -- whose inbox it feeds; NULL: unregistered
    last_seen_at  INTEGER NOT NULL,             -- when it was last heard of
    outbox_seq    INTEGER NOT NULL DEFAULT 0    -- last position given out in the chat's outbox
) STRICT;

CREATE INDEX chats_by_group ON chats (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX chats_by_last_seen ON chats (last_seen_at);

-- The inbox of every group. A row stays after its turn until retention takes it: its dedup key swallows re-sent events.
CREATE TABLE messages (
    group_id    TEXT    NOT NULL REFERENCES groups (id), -- whose inbox
    ord         INTEGER NOT NULL,               -- order of arrival; gaps are allowed
    dedup_key   TEXT    NOT NULL UNIQUE,        -- <channel>:<account>:<platform id>
    chat_id     TEXT    NOT NULL REFERENCES chats (id), -- where it was said, and where the answer goes
    sender      TEXT    NOT NULL,               -- the platform's id of the sender
    sender_name TEXT    NOT NULL,               -- display name of the sender
    text        TEXT    NOT NULL,               -- what was said
    sent_at     INTEGER NOT NULL,               -- what the platform says; orders nothing
    engages     INTEGER NOT NULL CHECK (engages IN (0, 1)), -- whether it calls the agent; if not it is context
    trace       TEXT,                           -- traceparent of the trace it belongs to
    task        TEXT,                           -- of a firing: JSON of proto::task::FiringRef
    arrived_at  INTEGER NOT NULL,               -- when it was taken in; retention counts from it
    PRIMARY KEY (group_id, ord)
) STRICT;

CREATE INDEX messages_engaging ON messages (group_id, ord) WHERE engages = 1;
CREATE INDEX messages_by_arrival ON messages (arrived_at);

-- Runners, one row each over all their lives.
CREATE TABLE runners (
    id            TEXT    NOT NULL PRIMARY KEY, -- stable over its restarts on one host
    incarnation   INTEGER NOT NULL,             -- newest life
    heartbeat     INTEGER NOT NULL,             -- grows while it lives; only changes matter
    dead          INTEGER NOT NULL CHECK (dead IN (0, 1)), -- declared dead, or retired
    slots         INTEGER NOT NULL,             -- groups it serves at a time
    registered_at INTEGER NOT NULL              -- start of the newest life
) STRICT;

-- Slots that are taken. The unique group makes "one active sandbox per group" a fact of the database.
CREATE TABLE slots (
    runner   TEXT    NOT NULL REFERENCES runners (id), -- whose slot
    slot_no  INTEGER NOT NULL,                  -- counted from 0
    group_id TEXT    NOT NULL UNIQUE REFERENCES groups (id), -- the group served in it
    PRIMARY KEY (runner, slot_no)
) STRICT, WITHOUT ROWID;

-- Turns: one agent run over a batch of inbox rows; the same row over all attempts.
CREATE TABLE turns (
    id               TEXT    NOT NULL PRIMARY KEY, -- the same over all attempts
    group_id         TEXT    NOT NULL REFERENCES groups (id), -- whose turn
    state            TEXT    NOT NULL CHECK (state IN ('open', 'committed', 'dead_lettered')), -- what came of it
    epoch            INTEGER NOT NULL,          -- claim of the newest attempt
    attempt          INTEGER NOT NULL,          -- newest attempt, counted from 1
    from_ord         INTEGER NOT NULL,          -- cursor when it was opened
    through_ord      INTEGER,                   -- cursor when it was closed
    prompted_through INTEGER,                   -- how far prompts handed to the agent reach
    session_id       TEXT,                      -- session that saw them
    isolated         INTEGER NOT NULL CHECK (isolated IN (0, 1)), -- its session is not the group's
    error            TEXT,                      -- last failure, for the operator
    opened_at        INTEGER NOT NULL,          -- when it was opened
    closed_at        INTEGER,                   -- when it was committed or given up
    CHECK ((state = 'open') = (closed_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX turns_open ON turns (group_id) WHERE state = 'open';
CREATE INDEX turns_by_closing ON turns (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX turns_by_group ON turns (group_id);

-- Lines of session transcripts, as the Agent SDK writes them.
CREATE TABLE transcripts (
    group_id   TEXT    NOT NULL REFERENCES groups (id), -- whose session
    session_id TEXT    NOT NULL,                -- the Agent SDK's session
    subpath    TEXT    NOT NULL,                -- sub-agents are kept apart; '' is the session itself
    idx        INTEGER NOT NULL,                -- order of the lines, from 1
    uuid       TEXT,                            -- the line's own id, where it has one: it is kept once
    written_at INTEGER NOT NULL,                -- groups.active_at when it was written: at most one claim too early
    line       TEXT    NOT NULL,                -- JSON
    PRIMARY KEY (group_id, session_id, subpath, idx)
) STRICT;

-- Tells retention the age of a session without reading its lines.
CREATE INDEX transcripts_by_session ON transcripts (group_id, session_id, written_at);
CREATE UNIQUE INDEX transcripts_lines ON transcripts (group_id, session_id, subpath, uuid) WHERE uuid IS NOT NULL;

-- The committed workspace of each group. Moves only with a commit, so that files and cursor never disagree.
CREATE TABLE snapshots (
    group_id   TEXT    NOT NULL PRIMARY KEY REFERENCES groups (id), -- whose workspace
    id         TEXT    NOT NULL,                -- identity of the snapshot
    turn_id    TEXT    NOT NULL,                -- turn that committed it
    manifest   TEXT    NOT NULL,                -- name of the blob that holds its manifest
    digest     TEXT    NOT NULL,                -- BLAKE3 digest of that blob, 64 hexadecimal digits
    bytes      INTEGER NOT NULL,                -- of all its files together
    files      INTEGER NOT NULL,                -- files, directories and links in it
    created_at INTEGER NOT NULL                 -- when it was committed
) STRICT;

-- What is to be said. Rows of one chat are sent in the order of seq.
CREATE TABLE outbox (
    id            TEXT    NOT NULL PRIMARY KEY, -- also the idempotency key towards the platform
    chat_id       TEXT    NOT NULL REFERENCES chats (id), -- where it is said
    seq           INTEGER NOT NULL,             -- place in the chat's queue
    group_id      TEXT    NOT NULL REFERENCES groups (id), -- in whose name
    turn_id       TEXT,                         -- NULL for a notice of the system; outlives the turn's row
    early         INTEGER NOT NULL CHECK (early IN (0, 1)), -- sent before its turn committed
    key           TEXT    NOT NULL,             -- tool use, 'final', 'extra:<n>', 'notice', or the key of a system notice
    text          TEXT    NOT NULL,             -- what is said
    sender        TEXT,                         -- as whom, where not as the assistant
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'uncertain', 'dead')), -- how far
    attempts      INTEGER NOT NULL DEFAULT 0,   -- charged before the request leaves
    not_before    INTEGER NOT NULL DEFAULT 0,   -- back-off after a failed attempt
    platform_id   TEXT,                         -- what the platform calls it, once sent
    error         TEXT,                         -- why it is not sent
    said_epoch    INTEGER NOT NULL,             -- newest attempt (by its claim) that said it; 0 for a notice of the system
    created_at    INTEGER NOT NULL,             -- when it was put here
    done_at       INTEGER,                      -- when it was sent or given up
    UNIQUE (chat_id, seq)
) STRICT;

-- An early effect happens once per tool use. Early and final keys live apart: an agent chooses the former.
CREATE UNIQUE INDEX outbox_turn_keys ON outbox (turn_id, early, key) WHERE turn_id IS NOT NULL;
CREATE UNIQUE INDEX outbox_notice_keys ON outbox (key) WHERE turn_id IS NULL;
-- What still blocks its chat: the sender and the sweep look at nothing else.
CREATE INDEX outbox_open ON outbox (chat_id, seq) WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_uncertain ON outbox (chat_id) WHERE state = 'uncertain';
CREATE INDEX outbox_by_end ON outbox (done_at) WHERE done_at IS NOT NULL;

-- Schedules that create work.
CREATE TABLE tasks (
    id              TEXT    NOT NULL PRIMARY KEY, -- identity
    group_id        TEXT    NOT NULL REFERENCES groups (id), -- whose task
    chat_id         TEXT    NOT NULL REFERENCES chats (id), -- where its answer goes
    prompt          TEXT    NOT NULL,           -- what the agent is asked
    kind            TEXT    NOT NULL CHECK (kind IN ('cron', 'interval', 'once')), -- how the schedule is meant
    schedule        TEXT    NOT NULL,           -- cron line, milliseconds or instant, as given
    timezone        TEXT    NOT NULL,           -- IANA zone the schedule is meant in
    context_mode    TEXT    NOT NULL CHECK (context_mode IN ('group', 'isolated')), -- whose session
    check_script    TEXT,                       -- asks in the sandbox whether the model is needed
    misfire         TEXT    NOT NULL CHECK (misfire IN ('one', 'all', 'skip')), -- of missed instants
    max_lateness_ms INTEGER,                    -- later than that, none is fired; NULL: no limit
    overlap         TEXT    NOT NULL CHECK (overlap IN ('skip', 'queue')), -- with the one before
    pause_after     INTEGER NOT NULL,           -- failures in a row that pause it; 0: never
    state           TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'done')), -- only active ones fire
    next_due        INTEGER,                    -- moved by compare-and-set
    failures_in_row INTEGER NOT NULL,           -- since the last run that did not fail
    version         INTEGER NOT NULL,           -- grows with every change of the row
    created_at      INTEGER NOT NULL,           -- when it was made
    changed_at      INTEGER NOT NULL            -- when the row changed last; retention of what is done counts from it
) STRICT;

CREATE INDEX tasks_due ON tasks (next_due) WHERE state = 'active' AND next_due IS NOT NULL;
CREATE INDEX tasks_by_group ON tasks (group_id);
CREATE INDEX tasks_done ON tasks (changed_at) WHERE state = 'done';

-- Due instants that were fired, missed or left out: the key makes it once. What ended is the history of its task, and
-- outlives it.
CREATE TABLE firings (
    task_id     TEXT    NOT NULL,               -- which task; may be removed by now
    due_at      INTEGER NOT NULL,               -- the due instant
    group_id    TEXT    NOT NULL REFERENCES groups (id), -- whose task
    fired_at    INTEGER NOT NULL,               -- when it was fired
    ord         INTEGER,                        -- its position in the inbox; NULL: it became no work
    turn_id     TEXT,                           -- turn that began it
    started_at  INTEGER,                        -- when its first attempt began
    ended_at    INTEGER,                        -- when it ended
    outcome     TEXT CHECK (outcome IN ('answered', 'silent', 'not_woken', 'failed', 'skipped', 'missed', 'cancelled')),
    cost_micros INTEGER,                        -- millionths of a US dollar, where known
    error       TEXT,                           -- why, for the operator
    PRIMARY KEY (task_id, due_at),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK (outcome IS NOT NULL OR ord IS NOT NULL)
) STRICT;

CREATE INDEX firings_unfinished ON firings (task_id) WHERE outcome IS NULL;
CREATE INDEX firings_by_turn ON firings (turn_id) WHERE outcome IS NULL;
CREATE INDEX firings_by_group ON firings (group_id, ended_at);
CREATE INDEX firings_by_end ON firings (ended_at) WHERE ended_at IS NOT NULL;

-- Who leads, per role. A row appears with the first holder and stays, so that its term goes on counting.
CREATE TABLE leaders (
    role      TEXT    NOT NULL PRIMARY KEY,     -- 'scheduler'
    holder    TEXT,                             -- one life of one instance; NULL after a clean stop
    term      INTEGER NOT NULL,                 -- epoch: grows with every change of the holder
    heartbeat INTEGER NOT NULL                  -- moved by the holder while it lives; only changes matter
) STRICT;

-- How far the indexer has moved each partition of the log into the inboxes. All rows have the same log and generation.
-- Empty on one node.
CREATE TABLE partitions (
    partition  INTEGER NOT NULL PRIMARY KEY,    -- counted from 0
    log        TEXT    NOT NULL,                -- identity of the log: made anew, it has another
    generation INTEGER NOT NULL,                -- grows when the log is made anew or lost messages; from 0 again
    cursor     INTEGER NOT NULL                 -- last sequence taken in, moved by compare-and-set
) STRICT;

-- Which gateway holds an account's socket or poller, and sends for it. A row appears with the first holder and stays.
CREATE TABLE accounts (
    channel   TEXT    NOT NULL,                 -- the channel
    account   TEXT    NOT NULL,                 -- the account on it
    holder    TEXT,                             -- one life of one gateway; NULL after a clean stop
    epoch     INTEGER NOT NULL,                 -- grows with every change of the holder: its fence
    heartbeat INTEGER NOT NULL,                 -- moved by the holder while it lives; only changes matter
    position  TEXT,                             -- where the platform's feed was read to
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

-- Tokens and cost per committed turn; kept for good.
CREATE TABLE usage (
    turn_id                     TEXT    NOT NULL PRIMARY KEY, -- the committed turn
    group_id                    TEXT    NOT NULL REFERENCES groups (id), -- whose turn
    input_tokens                INTEGER NOT NULL, -- tokens in, not cached
    output_tokens               INTEGER NOT NULL, -- tokens out
    cache_creation_input_tokens INTEGER NOT NULL, -- tokens written to the prompt cache
    cache_read_input_tokens     INTEGER NOT NULL, -- tokens read from the prompt cache
    cost_micros                 INTEGER,        -- millionths of a US dollar, where known
    at                          INTEGER NOT NULL -- when it was committed
) STRICT;

CREATE INDEX usage_by_group ON usage (group_id, at);

-- What was given up: messages of an inbox, whose rows stay there as well and cover their dedup keys; messages of the log
-- for a group or chat that does not exist; messages of the log that nobody can read.
CREATE TABLE dead_letters (
    id          INTEGER NOT NULL PRIMARY KEY,   -- in the order of giving up
    kind        TEXT    NOT NULL CHECK (kind IN ('message', 'unclaimed', 'malformed')), -- which of the three
    group_id    TEXT,                           -- of an unclaimed one: as the envelope says
    ord         INTEGER,                        -- position in the inbox
    dedup_key   TEXT,                           -- this and the next seven: as in messages
    chat_id     TEXT,
    sender      TEXT,
    sender_name TEXT,
    sent_at     INTEGER,
    engages     INTEGER CHECK (engages IN (0, 1)),
    trace       TEXT,
    task        TEXT,
    text        TEXT    NOT NULL,               -- of a malformed one: its beginning
    subject     TEXT,                           -- of a malformed one: where in the log it was found
    turn_id     TEXT,                           -- turn that failed over it
    reason      TEXT    NOT NULL,               -- why, for the operator
    at          INTEGER NOT NULL,               -- when
    CHECK ((kind = 'message') = (ord IS NOT NULL AND turn_id IS NOT NULL)),
    CHECK ((kind = 'malformed') = (subject IS NOT NULL)),
    CHECK ((kind = 'malformed') = (group_id IS NULL OR dedup_key IS NULL OR chat_id IS NULL OR sender IS NULL
                                   OR sender_name IS NULL OR sent_at IS NULL OR engages IS NULL))
) STRICT;

-- A message is given up once; what has no position is not held apart by this.
CREATE UNIQUE INDEX dead_letters_by_group ON dead_letters (group_id, ord);
CREATE INDEX dead_letters_by_time ON dead_letters (at);

-- Who changed what: administration and privileged acts of main.
CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY,       -- in the order of the acts
    at      INTEGER NOT NULL,                   -- when
    actor   TEXT    NOT NULL,                   -- who
    action  TEXT    NOT NULL,                   -- what was done
    subject TEXT    NOT NULL,                   -- to what
    detail  TEXT    NOT NULL                    -- JSON
) STRICT;
