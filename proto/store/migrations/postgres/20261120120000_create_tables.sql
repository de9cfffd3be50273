-- The tables of design §4: names and meaning as in SQLite's. Conventions: times (`…_at`, `not_before`, `due_at`) are
-- milliseconds since 1970 UTC as BIGINT, so that both engines compare and round alike, and no time zone of a session takes
-- part. Names given from outside are TEXT COLLATE "C": they are compared byte by byte as in SQLite, which is faster, and
-- no update of the system's locale can break their indexes. Ids we draw (UUIDv7) are UUID: 16 bytes instead of 37 in
-- every index, in the same order. JSON is TEXT: nothing looks into it here, and JSONB refuses U+0000.
--
-- Hot tables (groups, messages, turns, slots, outbox) have no foreign keys: each would cost a query and a row lock per
-- insert. The statements that insert into them look up the group and the chat anyway, and rows of groups and chats are
-- never deleted.

-- A group: unit of isolation, order and memory. A removed group keeps its row, so that epochs and inbox positions go on
-- counting when the name is used again and no fence of its former life can match.
--
-- This row is the lock of its group: whoever changes the group's inbox, turns, slot or ownership holds it (FOR NO KEY
-- UPDATE), and what is read after the lock is read in a later statement.
CREATE TABLE groups (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- folder name
    name              TEXT    NOT NULL,
    is_main           BOOLEAN NOT NULL,
    settings          TEXT    NOT NULL,                -- JSON of proto::group::GroupSettings
    created_at        BIGINT  NOT NULL,
    removed           BOOLEAN NOT NULL DEFAULT FALSE,
    head_ord          BIGINT  NOT NULL DEFAULT 0,      -- last position given out in the inbox
    cursor_ord        BIGINT  NOT NULL DEFAULT 0,      -- covered by closed turns up to here
    shown_ord         BIGINT  NOT NULL DEFAULT 0,      -- of that, shown to the group's session or needless; isolated firings leave it
    ready_at          BIGINT,                          -- since when a message that engages waits; NULL: nothing to do
    ready_kind        TEXT COLLATE "C" NOT NULL DEFAULT 'interactive' CHECK (ready_kind IN ('interactive', 'task')),
    not_before        BIGINT  NOT NULL DEFAULT 0,      -- back-off after a failed attempt
    owner             TEXT COLLATE "C",                -- runner that holds the claim
    owner_incarnation BIGINT,                          -- which life of it
    epoch             BIGINT  NOT NULL DEFAULT 0,      -- claims so far, and forced releases: the fence
    last_runner       TEXT COLLATE "C",                -- who held it last: its workspace is there
    attempts          BIGINT  NOT NULL DEFAULT 0,      -- attempts at the turn at hand; charged at the claim
    runner_deaths     BIGINT  NOT NULL DEFAULT 0,      -- runners that died over the turn at hand
    session_id        TEXT,                            -- Agent SDK session to resume
    active_at         BIGINT  NOT NULL DEFAULT 0,      -- last begin or commit of a turn; dates transcript lines
    CHECK ((owner IS NULL) = (owner_incarnation IS NULL)),
    CHECK (shown_ord <= cursor_ord AND cursor_ord <= head_ord)
) WITH (
    -- Room for new versions beside the old ones: appending to an owned group and beginning a turn touch no index (HOT).
    fillfactor = 60,
    -- A group is updated some five times per turn; waiting for 20 % dead rows would let the claim wade through them.
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000
);

-- Finds who may be claimed, in the order of proto::claim::claim_order (30 000 = TASK_AGEING in milliseconds), without
-- looking at the groups that rest or are owned, and without sorting those that wait.
CREATE INDEX groups_claimable ON groups ((ready_at + CASE ready_kind WHEN 'task' THEN 30000 ELSE 0 END), ready_at, id)
    WHERE owner IS NULL AND ready_at IS NOT NULL;
CREATE INDEX groups_waiting ON groups (ready_at, id) WHERE owner IS NULL AND ready_at IS NOT NULL;
CREATE INDEX groups_owned ON groups (owner) WHERE owner IS NOT NULL;

-- The last line of defence against handing the same messages to an agent twice.
CREATE FUNCTION group_never_goes_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the % of a group never decreases', CASE WHEN NEW.epoch < OLD.epoch THEN 'epoch' ELSE 'cursor' END;
END
$$;

CREATE TRIGGER groups_never_go_back BEFORE UPDATE OF cursor_ord, epoch ON groups
    FOR EACH ROW WHEN (NEW.cursor_ord < OLD.cursor_ord OR NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION group_never_goes_back();

-- What a statement meant for exactly `meant` rows did not touch, its transaction must not keep: the statement that
-- changes and the COMMIT are sent together, so the database itself has to say no.
CREATE FUNCTION must_touch(meant BIGINT, touched BIGINT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
BEGIN
    IF touched IS DISTINCT FROM meant THEN
        RAISE EXCEPTION 'a statement meant for % rows touched %', meant, touched;
    END IF;
    RETURN TRUE;
END
$$;

-- A chat: one conversation on a platform; known as soon as it is seen, registered once it has a group.
CREATE TABLE chats (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- <channel>:<platform id>
    channel       TEXT COLLATE "C" NOT NULL,
    account       TEXT COLLATE "C" NOT NULL,
    name          TEXT,
    is_group_chat BOOLEAN NOT NULL,
    group_id      TEXT COLLATE "C" REFERENCES groups (id),
    last_seen_at  BIGINT  NOT NULL,
    outbox_seq    BIGINT  NOT NULL DEFAULT 0           -- last position given out in the chat's outbox
) WITH (fillfactor = 80);

CREATE INDEX chats_by_group ON chats (group_id) WHERE group_id IS NOT NULL;

-- The inbox of every group. A row stays after its turn until retention takes it: its dedup key swallows re-sent events.
CREATE TABLE messages (
    group_id    TEXT COLLATE "C" NOT NULL,
    ord         BIGINT  NOT NULL,                      -- order of arrival; gaps are allowed
    dedup_key   TEXT COLLATE "C" NOT NULL,             -- <channel>:<account>:<platform id>
    chat_id     TEXT COLLATE "C" NOT NULL,
    sender      TEXT    NOT NULL,
    sender_name TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    sent_at     BIGINT  NOT NULL,                      -- what the platform says; orders nothing
    engages     BOOLEAN NOT NULL,
    trace       TEXT,                                  -- traceparent of the trace it belongs to
    task        TEXT,                                  -- of a firing: JSON of proto::task::FiringRef
    arrived_at  BIGINT  NOT NULL,
    PRIMARY KEY (group_id, ord)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

CREATE UNIQUE INDEX messages_dedup_keys ON messages (dedup_key);
CREATE INDEX messages_engaging ON messages (group_id, ord) WHERE engages;
-- For retention alone. Rows lie in the order of their arrival, so the smallest and largest time of a range of pages say
-- enough, and an insert costs nothing.
CREATE INDEX messages_by_arrival ON messages USING brin (arrived_at) WITH (pages_per_range = 32, autosummarize = on);

-- Runners, one row each over all their lives.
CREATE TABLE runners (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation   BIGINT  NOT NULL,                    -- newest life
    heartbeat     BIGINT  NOT NULL,                    -- grows while it lives; only changes matter
    dead          BOOLEAN NOT NULL,
    slots         BIGINT  NOT NULL,                    -- groups it serves at a time
    registered_at BIGINT  NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- Slots that are taken. The unique group makes "one active sandbox per group" a fact of the database.
CREATE TABLE slots (
    runner   TEXT COLLATE "C" NOT NULL,
    slot_no  BIGINT NOT NULL,                          -- counted from 0
    group_id TEXT COLLATE "C" NOT NULL UNIQUE,
    PRIMARY KEY (runner, slot_no)
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- Turns: one agent run over a batch of inbox rows; the same row over all attempts.
CREATE TABLE turns (
    id               UUID   NOT NULL PRIMARY KEY,
    group_id         TEXT COLLATE "C" NOT NULL,
    state            TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'committed', 'dead_lettered')),
    epoch            BIGINT NOT NULL,                  -- claim of the newest attempt
    attempt          BIGINT NOT NULL,                  -- newest attempt, counted from 1
    from_ord         BIGINT NOT NULL,                  -- cursor when it was opened
    through_ord      BIGINT,                           -- cursor when it was closed
    prompted_through BIGINT,                           -- how far prompts handed to the agent reach
    session_id       TEXT,                             -- session that saw them
    isolated         BOOLEAN NOT NULL,                 -- its session is not the group's
    error            TEXT,                             -- last failure, for the operator
    opened_at        BIGINT NOT NULL,
    closed_at        BIGINT,
    CHECK ((state = 'open') = (closed_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX turns_open ON turns (group_id) WHERE state = 'open';
CREATE INDEX turns_by_closing ON turns (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX turns_by_group ON turns (group_id);

-- Lines of session transcripts, as the Agent SDK writes them.
CREATE TABLE transcripts (
    group_id   TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    subpath    TEXT COLLATE "C" NOT NULL,              -- sub-agents are kept apart; '' is the session itself
    idx        BIGINT NOT NULL,
    uuid       TEXT COLLATE "C",                       -- the line's own id, where it has one: it is kept once
    written_at BIGINT NOT NULL,                        -- groups.active_at when it was written: at most one claim too early
    line       TEXT   NOT NULL,                        -- JSON
    PRIMARY KEY (group_id, session_id, subpath, idx)
);

-- Tells retention the age of a session without reading its lines.
CREATE INDEX transcripts_by_session ON transcripts (group_id, session_id, written_at);
CREATE UNIQUE INDEX transcripts_lines ON transcripts (group_id, session_id, subpath, uuid) WHERE uuid IS NOT NULL;

-- The committed workspace of each group. Moves only with a commit, so that files and cursor never disagree.
CREATE TABLE snapshots (
    group_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    id         UUID   NOT NULL,                        -- identity of the snapshot
    turn_id    UUID   NOT NULL,                        -- turn that committed it
    manifest   TEXT   NOT NULL,                        -- name of the blob that holds its manifest
    digest     TEXT   NOT NULL,                        -- BLAKE3 digest of that blob, 64 hexadecimal digits
    bytes      BIGINT NOT NULL,                        -- of all its files together
    files      BIGINT NOT NULL,                        -- files, directories and links in it
    created_at BIGINT NOT NULL                         -- when it was committed
) WITH (fillfactor = 70);

-- What is to be said. Rows of one chat are sent in the order of seq.
CREATE TABLE outbox (
    id            UUID    NOT NULL PRIMARY KEY,        -- also the idempotency key towards the platform
    chat_id       TEXT COLLATE "C" NOT NULL,
    seq           BIGINT  NOT NULL,
    group_id      TEXT COLLATE "C" NOT NULL,
    turn_id       UUID,                                -- NULL for a notice of the system; outlives the turn's row
    early         BOOLEAN NOT NULL,                    -- sent before its turn committed
    key           TEXT COLLATE "C" NOT NULL,           -- tool use, 'final', 'extra:<n>', 'notice', or the key of a system notice
    text          TEXT    NOT NULL,
    sender        TEXT,
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'uncertain', 'dead')),
    attempts      BIGINT  NOT NULL DEFAULT 0,          -- charged before the request leaves
    not_before    BIGINT  NOT NULL DEFAULT 0,
    platform_id   TEXT,
    error         TEXT,                                -- why it is not sent
    said_epoch    BIGINT  NOT NULL,                    -- newest attempt (by its claim) that said it; 0 for a notice of the system
    created_at    BIGINT  NOT NULL,
    done_at       BIGINT,                              -- when it was sent or given up
    UNIQUE (chat_id, seq)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- An early effect happens once per tool use. Early and final keys live apart: an agent chooses the former.
CREATE UNIQUE INDEX outbox_turn_keys ON outbox (turn_id, early, key) WHERE turn_id IS NOT NULL;
CREATE UNIQUE INDEX outbox_notice_keys ON outbox (key) WHERE turn_id IS NULL;
-- What still blocks its chat: the sender and the sweep look at nothing else.
CREATE INDEX outbox_open ON outbox (chat_id, seq) WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_uncertain ON outbox (chat_id) WHERE state = 'uncertain';
CREATE INDEX outbox_by_end ON outbox (done_at) WHERE done_at IS NOT NULL;

-- Schedules that create work.
CREATE TABLE tasks (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- identity
    group_id        TEXT COLLATE "C" NOT NULL,         -- whose task
    chat_id         TEXT COLLATE "C" NOT NULL,         -- where its answer goes
    prompt          TEXT NOT NULL,                     -- what the agent is asked
    kind            TEXT NOT NULL CHECK (kind IN ('cron', 'interval', 'once')), -- how the schedule is meant
    schedule        TEXT NOT NULL,                     -- cron line, milliseconds or instant, as given
    timezone        TEXT NOT NULL,                     -- IANA zone the schedule is meant in
    context_mode    TEXT NOT NULL CHECK (context_mode IN ('group', 'isolated')), -- whose session
    check_script    TEXT,                              -- asks in the sandbox whether the model is needed
    misfire         TEXT NOT NULL CHECK (misfire IN ('one', 'all', 'skip')), -- of missed instants
    max_lateness_ms BIGINT,                            -- later than that, none is fired; NULL: no limit
    overlap         TEXT NOT NULL CHECK (overlap IN ('skip', 'queue')), -- with the one before
    pause_after     BIGINT NOT NULL,                   -- failures in a row that pause it; 0: never
    state           TEXT NOT NULL CHECK (state IN ('active', 'paused', 'done')), -- only active ones fire
    next_due        BIGINT,                            -- moved by compare-and-set
    failures_in_row BIGINT NOT NULL,                   -- since the last run that did not fail
    version         BIGINT NOT NULL,                   -- grows with every change of the row
    created_at      BIGINT NOT NULL,                   -- when it was made
    changed_at      BIGINT NOT NULL                    -- when the row changed last; retention of what is done counts from it
);

CREATE INDEX tasks_due ON tasks (next_due) WHERE state = 'active' AND next_due IS NOT NULL;
CREATE INDEX tasks_by_group ON tasks (group_id);
CREATE INDEX tasks_done ON tasks (changed_at) WHERE state = 'done';

-- Due instants that were fired, missed or left out: the key makes it once. What ended is the history of its task, and
-- outlives it.
CREATE TABLE firings (
    task_id     TEXT COLLATE "C" NOT NULL,             -- which task; may be removed by now
    due_at      BIGINT NOT NULL,                       -- the due instant
    group_id    TEXT COLLATE "C" NOT NULL,             -- whose task
    fired_at    BIGINT NOT NULL,                       -- when it was fired
    ord         BIGINT,                                -- its position in the inbox; NULL: it became no work
    turn_id     UUID,                                  -- turn that began it
    started_at  BIGINT,                                -- when its first attempt began
    ended_at    BIGINT,                                -- when it ended
    outcome     TEXT CHECK (outcome IN ('answered', 'silent', 'not_woken', 'failed', 'skipped', 'missed', 'cancelled')),
    cost_micros BIGINT,                                -- millionths of a US dollar, where known
    error       TEXT,                                  -- why, for the operator
    PRIMARY KEY (task_id, due_at),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK (outcome IS NOT NULL OR ord IS NOT NULL)
);

CREATE INDEX firings_unfinished ON firings (task_id) WHERE outcome IS NULL;
CREATE INDEX firings_by_turn ON firings (turn_id) WHERE outcome IS NULL;
CREATE INDEX firings_by_group ON firings (group_id, ended_at);
CREATE INDEX firings_by_end ON firings (ended_at) WHERE ended_at IS NOT NULL;

-- Who leads, per role. A row appears with the first holder and stays, so that its term goes on counting.
CREATE TABLE leaders (
    role      TEXT COLLATE "C" NOT NULL PRIMARY KEY,   -- 'scheduler'
    holder    TEXT,                                    -- one life of one instance; NULL after a clean stop
    term      BIGINT NOT NULL,                         -- epoch: grows with every change of the holder
    heartbeat BIGINT NOT NULL                          -- moved by the holder while it lives; only changes matter
) WITH (fillfactor = 50);

-- How far the indexer has moved each partition of the log into the inboxes. All rows have the same log and generation.
CREATE TABLE partitions (
    partition  BIGINT NOT NULL PRIMARY KEY,            -- counted from 0
    log        TEXT   NOT NULL,                        -- identity of the log: made anew, it has another
    generation BIGINT NOT NULL,                        -- grows when the log was made anew or lost messages; sequences start again
    cursor     BIGINT NOT NULL                         -- last sequence taken in, moved by compare-and-set
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- Which gateway holds an account's socket or poller, and sends for it. A row appears with the first holder and stays.
CREATE TABLE accounts (
    channel   TEXT COLLATE "C" NOT NULL,
    account   TEXT COLLATE "C" NOT NULL,
    holder    TEXT,                                    -- one life of one gateway; NULL after a clean stop
    epoch     BIGINT NOT NULL,                         -- grows with every change of the holder: its fence
    heartbeat BIGINT NOT NULL,                         -- moved by the holder while it lives; only changes matter
    position  TEXT,                                    -- where the platform's feed was read to
    PRIMARY KEY (channel, account)
) WITH (fillfactor = 50);

-- Tokens and cost per committed turn; kept for good.
CREATE TABLE usage (
    turn_id                     UUID   NOT NULL PRIMARY KEY,
    group_id                    TEXT COLLATE "C" NOT NULL,
    input_tokens                BIGINT NOT NULL,
    output_tokens               BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens     BIGINT NOT NULL,
    cost_micros                 BIGINT,                -- millionths of a US dollar, where known
    at                          BIGINT NOT NULL
);

CREATE INDEX usage_by_group ON usage (group_id, at);

-- What was given up: messages of an inbox, whose rows stay there as well and cover their dedup keys; messages of the log
-- for a group or chat that does not exist; messages of the log that nobody can read.
CREATE TABLE dead_letters (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of giving up
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('message', 'unclaimed', 'malformed')),
    group_id    TEXT COLLATE "C",                      -- of an unclaimed one: as the envelope says
    ord         BIGINT,                                -- position in the inbox
    dedup_key   TEXT,                                  -- this and the next seven: as in messages
    chat_id     TEXT,
    sender      TEXT,
    sender_name TEXT,
    sent_at     BIGINT,
    engages     BOOLEAN,
    trace       TEXT,
    task        TEXT,
    text        TEXT    NOT NULL,                      -- of a malformed one: its beginning
    subject     TEXT,                                  -- of a malformed one: where in the log it was found
    turn_id     UUID,                                  -- turn that failed over it
    reason      TEXT    NOT NULL,                      -- why, for the operator
    at          BIGINT  NOT NULL,                      -- when
    CHECK ((kind = 'message') = (ord IS NOT NULL AND turn_id IS NOT NULL)),
    CHECK ((kind = 'malformed') = (subject IS NOT NULL)),
    CHECK ((kind = 'malformed') = (group_id IS NULL OR dedup_key IS NULL OR chat_id IS NULL OR sender IS NULL
                                   OR sender_name IS NULL OR sent_at IS NULL OR engages IS NULL))
);

-- A message is given up once; what has no position is not held apart by this.
CREATE UNIQUE INDEX dead_letters_by_group ON dead_letters (group_id, ord);
CREATE INDEX dead_letters_by_time ON dead_letters (at);

-- Who changed what: administration and privileged acts of main.
CREATE TABLE audit (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    detail  TEXT   NOT NULL                            -- JSON
);
