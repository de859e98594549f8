-- Not the product's: what a next release may do to the schema while the daemons of this one run. Each statement is of
-- a kind that they can go on with: what is added has a default, and nothing that they use changes its name or meaning.
-- Works with programs from schema version 1 on.

ALTER TABLE jobs ADD COLUMN next_note text;
COMMENT ON COLUMN jobs.next_note IS 'Something that only the next release knows.';
ALTER TABLE runs ADD COLUMN next_cost numeric NOT NULL DEFAULT 0;
COMMENT ON COLUMN runs.next_cost IS 'Something else.';
CREATE INDEX runs_next_cost ON runs (next_cost) WHERE next_cost > 0;

CREATE VIEW next_view AS SELECT id, next_note FROM jobs;
GRANT SELECT ON next_view TO ecs_scheduler_webapid, ecs_scheduler_scheduld;
