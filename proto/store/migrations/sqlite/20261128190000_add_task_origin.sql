-- Who answers for a task: what a declarative file may remove is what a file had brought.
ALTER TABLE tasks ADD COLUMN origin TEXT NOT NULL DEFAULT 'operator' CHECK (origin IN ('agent', 'operator', 'file')); -- who made it
