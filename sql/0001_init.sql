-- The first schema: jobs, what becomes of them, and who may write what.
--
-- `webapid --migrate` runs this file in one transaction, with search_path set to the schema to fill (and pg_temp
-- last), so names here are relative and "FROM CURRENT" below means that schema. Lengths and ranges repeat
-- common/limits.h; tests/pg compares them.

-- Two group roles. A login user for a daemon is a member of one: GRANT ecs_scheduler_webapid TO web_login.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['ecs_scheduler_webapid', 'ecs_scheduler_scheduld'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this server made it in this instant: roles belong to the server
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'the role % does not exist and the user % may not create roles',
                        role_name, current_user
                        USING ERRCODE = 'insufficient_privilege',
                            HINT = 'As a user with CREATEROLE run: CREATE ROLE ecs_scheduler_webapid NOLOGIN;'
                                ' CREATE ROLE ecs_scheduler_scheduld NOLOGIN; and migrate again.';
            END;
        END IF;
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ecs_scheduler_webapid, ecs_scheduler_scheduld', current_schema());
END
$$;

CREATE TABLE schema_migrations (
    version integer PRIMARY KEY CHECK (version >= 1),
    name text NOT NULL,
    works_with integer NOT NULL CHECK (works_with BETWEEN 1 AND version),
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'What `webapid --migrate` has applied. The daemons refuse to run on a schema that they do not know, unless it says that it works with them.';
COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration: the NNNN of sql/NNNN_name.sql.';
COMMENT ON COLUMN schema_migrations.name IS 'The name of sql/NNNN_name.sql.';
COMMENT ON COLUMN schema_migrations.works_with IS 'Programs that know the schema up to this version, or a later one, can be used after the migration, too.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';


-- What a job's parts may be. These functions are for CHECKs: they mean the same with any search_path, and they say
-- false, never NULL, which a CHECK would take for true. PostgreSQL would put the body of a function in SQL into each
-- CHECK, and plan it again for each statement, which takes several times as long as the rest of an INSERT; in plpgsql a
-- session plans it once. Lengths are compared, not counted by a regular expression: {1,255} costs 0.1 ms a match.

CREATE FUNCTION job_name_valid(name text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN octet_length(name) BETWEEN 1 AND 255 AND name !~ '[^0-9A-Za-z_-]';
END
$$;
COMMENT ON FUNCTION job_name_valid IS 'Whether a text can be the id of a job, a task definition or a container: 1 to 255 of 0-9 A-Z a-z _ -';

CREATE FUNCTION job_time_valid(written text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN octet_length(written) <= 64
        AND written ~ (
            '^\d{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])'
            '[T ]([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,12})?)?'
            '(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d(:?[0-5]\d)?)?)?$')
        AND written !~ '^(0000|\d{4}-(0?2-3[01]|(0?[469]|11)-31))' -- no such year or day
        AND (written !~ '^\d{4}-0?2-29'
            OR written ~ '^(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)'); -- a leap year
END
$$;
COMMENT ON FUNCTION job_time_valid IS 'Whether a text is an ISO 8601 time, with or without an offset: 2026-11-24T10:30:00, 2026-11-24T10:30:00+01:00';

CREATE FUNCTION job_schedule_words(schedule text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN btrim(regexp_replace(schedule,
        '[\u0009-\u000D\u001C-\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]+', ' ', 'g'));
END
$$;
COMMENT ON FUNCTION job_schedule_words IS 'The words of a schedule with one space between them. What is white space is said here, as what \s means is the locale''s matter.';

CREATE FUNCTION job_trigger_valid(trigger jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN CASE
        WHEN jsonb_typeof(trigger) <> 'object' THEN false
        WHEN trigger - ARRAY['type', 'queueName', 'queueUrl', 'messagesPerTask', 'includeInFlight'] <> '{}' THEN false
        WHEN trigger -> 'type' = '"noop"' THEN trigger = '{"type": "noop"}'
        WHEN trigger -> 'type' IS DISTINCT FROM '"sqs"' THEN false
        WHEN (trigger ? 'queueName') = (trigger ? 'queueUrl') THEN false
        WHEN trigger ? 'queueName' AND jsonb_typeof(trigger -> 'queueName') <> 'string' THEN false
        WHEN length(trigger ->> 'queueName') > 80 THEN false
        WHEN trigger ->> 'queueName' !~ '^[0-9A-Za-z_-]+(\.fifo)?$' THEN false
        WHEN trigger ? 'queueUrl' AND jsonb_typeof(trigger -> 'queueUrl') <> 'string' THEN false
        WHEN length(trigger ->> 'queueUrl') > 512 THEN false
        WHEN trigger ->> 'queueUrl' !~ '^https?://[0-9A-Za-z.-]+(:[0-9]{1,5})?/[0-9]{12}/[0-9A-Za-z_-]+(\.fifo)?$' THEN false
        WHEN length(split_part(split_part(trigger ->> 'queueUrl', '/', 5), '.', 1)) > 80 THEN false -- the queue's name
        WHEN trigger ? 'includeInFlight' AND jsonb_typeof(trigger -> 'includeInFlight') <> 'boolean' THEN false
        WHEN NOT trigger ? 'messagesPerTask' THEN true
        WHEN jsonb_typeof(trigger -> 'messagesPerTask') <> 'number' THEN false
        ELSE (trigger ->> 'messagesPerTask')::numeric BETWEEN 1 AND 1000000000
            AND (trigger ->> 'messagesPerTask')::numeric % 1 = 0
    END;
END
$$;
COMMENT ON FUNCTION job_trigger_valid IS 'Whether a value can be jobs.trigger.';

CREATE FUNCTION job_overrides_valid(overrides jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN CASE
        WHEN jsonb_typeof(overrides) <> 'array' THEN false
        WHEN jsonb_array_length(overrides) > 10 THEN false
        ELSE NOT EXISTS (
            SELECT FROM jsonb_array_elements(overrides) AS item
            WHERE CASE
                WHEN jsonb_typeof(item) <> 'object' THEN true
                WHEN item - ARRAY['containerName', 'environment', 'command', 'cpu', 'memory', 'memoryReservation',
                    'environmentFiles', 'resourceRequirements'] <> '{}' THEN true
                WHEN jsonb_typeof(item -> 'containerName') IS DISTINCT FROM 'string' THEN true
                WHEN octet_length(item ->> 'containerName') NOT BETWEEN 1 AND 255 THEN true
                WHEN item ->> 'containerName' ~ '[^0-9A-Za-z_-]' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'command', '[]')) <> 'array' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'cpu', '0')) <> 'number' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'memory', '0')) <> 'number' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'memoryReservation', '0')) <> 'number' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'environmentFiles', '[]')) <> 'array' THEN true
                WHEN jsonb_typeof(coalesce(item -> 'resourceRequirements', '[]')) <> 'array' THEN true
                WHEN NOT item ? 'environment' THEN false
                WHEN jsonb_typeof(item -> 'environment') <> 'object' THEN true
                WHEN (SELECT count(*) FROM jsonb_object_keys(item -> 'environment')) > 100 THEN true
                ELSE EXISTS (
                    SELECT FROM jsonb_each(item -> 'environment') AS variable (name, value)
                    WHERE jsonb_typeof(value) <> 'string'
                        OR octet_length(name) NOT BETWEEN 1 AND 255
                        OR strpos(name, '=') > 0
                        OR octet_length(value #>> '{}') > 4096)
            END)
    END;
END
$$;
COMMENT ON FUNCTION job_overrides_valid IS 'Whether a value can be jobs.overrides; what AWS is handed as it is only by type.';

CREATE FUNCTION job_ecs_valid(ecs jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN CASE
        WHEN jsonb_typeof(ecs) <> 'object' THEN false
        WHEN ecs - ARRAY['capacityProviderStrategy', 'cluster', 'cpu', 'enableECSManagedTags', 'enableExecuteCommand',
            'ephemeralStorage', 'executionRoleArn', 'group', 'launchType', 'memory', 'networkConfiguration',
            'placementConstraints', 'placementStrategy', 'platformVersion', 'propagateTags', 'revision', 'tags',
            'taskRoleArn', 'volumeConfigurations'] <> '{}' THEN false
        ELSE NOT EXISTS (
            SELECT FROM jsonb_each(ecs) AS member (name, value)
            WHERE jsonb_typeof(value) NOT IN ('null', CASE
                WHEN name IN ('networkConfiguration', 'ephemeralStorage') THEN 'object'
                WHEN name IN ('capacityProviderStrategy', 'placementConstraints', 'placementStrategy', 'tags',
                    'volumeConfigurations') THEN 'array'
                WHEN name IN ('enableECSManagedTags', 'enableExecuteCommand') THEN 'boolean'
                WHEN name = 'revision' THEN 'number'
                ELSE 'string'
            END))
    END;
END
$$;
COMMENT ON FUNCTION job_ecs_valid IS 'Whether a value can be jobs.ecs, by the names and types of its members; scheduld looks at the rest when the job fires.';


-- A number for each change of a job. It is drawn from a sequence, not counted by job, so that a job that was deleted
-- and made again with the same id can never look unchanged.
CREATE SEQUENCE jobs_revision AS bigint;
COMMENT ON SEQUENCE jobs_revision IS 'Where jobs.revision comes from.';

CREATE TABLE jobs (
    id text COLLATE "C" PRIMARY KEY, -- the order of bytes, which also serves prefixes, whatever the database's locale
    ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    task_definition text NOT NULL,
    schedule text NOT NULL,
    timezone text,
    schedule_start text,
    schedule_end text,
    task_count integer NOT NULL DEFAULT 1,
    max_count integer,
    trigger jsonb,
    overrides jsonb,
    misfire_grace_seconds integer,
    ecs jsonb,
    suspended boolean,
    scheduled_since timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT 'role:' || session_user,
    asked_by text,
    weight integer GENERATED ALWAYS AS (
        1024 + octet_length(schedule) + coalesce(octet_length(trigger::text), 0)
            + coalesce(octet_length(overrides::text), 0) + coalesce(octet_length(ecs::text), 0)) STORED,
    CONSTRAINT jobs_id_is_a_name CHECK (job_name_valid(id)),
    CONSTRAINT jobs_id_is_not_reserved CHECK (id NOT IN ('export', 'import')), -- /jobs/export is no job
    CONSTRAINT jobs_task_definition_is_a_name CHECK (job_name_valid(task_definition)),
    CONSTRAINT jobs_schedule_has_1_to_1024_bytes CHECK (octet_length(schedule) BETWEEN 1 AND 1024),
    CONSTRAINT jobs_schedule_is_not_blank CHECK (job_schedule_words(schedule) <> ''),
    CONSTRAINT jobs_schedule_has_no_open_wildcard CHECK (
        strpos(schedule, '?') = 0 OR job_schedule_words(schedule) !~ '^([^ ]+ ){0,2}\?( |$)'),
    CONSTRAINT jobs_timezone_is_a_zone_name CHECK (octet_length(timezone) <= 255 AND timezone !~ '[^0-9A-Za-z_+/-]'),
    CONSTRAINT jobs_schedule_start_is_a_time CHECK (job_time_valid(schedule_start)),
    CONSTRAINT jobs_schedule_end_is_a_time CHECK (job_time_valid(schedule_end)),
    CONSTRAINT jobs_task_count_is_1_to_50 CHECK (task_count BETWEEN 1 AND 50),
    CONSTRAINT jobs_max_count_is_1_to_50 CHECK (max_count BETWEEN 1 AND 50),
    CONSTRAINT jobs_trigger_is_a_trigger CHECK (job_trigger_valid(trigger)),
    CONSTRAINT jobs_overrides_are_overrides CHECK (job_overrides_valid(overrides)),
    -- An answer of the API has to hold a job. Of the texts, as 16 bytes of jsonb can be a number of 131072 digits.
    CONSTRAINT jobs_overrides_have_at_most_1_mib CHECK (octet_length(overrides::text) <= 1048576),
    CONSTRAINT jobs_ecs_has_at_most_1_mib CHECK (octet_length(ecs::text) <= 1048576),
    CONSTRAINT jobs_misfire_grace_seconds_is_0_to_86400 CHECK (misfire_grace_seconds BETWEEN 0 AND 86400),
    CONSTRAINT jobs_ecs_has_options CHECK (job_ecs_valid(ecs))
);
CREATE INDEX jobs_changed_xid ON jobs (changed_xid);
-- For the API's lists: by task definition, and (not) suspended, in the order of creation.
CREATE INDEX jobs_task_definition ON jobs (task_definition, ordinal);
CREATE INDEX jobs_suspended ON jobs (coalesce(suspended, false), ordinal);

COMMENT ON TABLE jobs IS 'What is to run and when: one row a job, as the REST API keeps them. May be edited by hand: the scheduler hears of it at commit. Written by webapid only; see job_status for how jobs fare.';
COMMENT ON COLUMN jobs.id IS 'Name of the job, 1 to 255 of 0-9 A-Z a-z _ - (API: id). It never changes.';
COMMENT ON COLUMN jobs.ordinal IS 'Order of creation, in which the API lists jobs.';
COMMENT ON COLUMN jobs.task_definition IS 'ECS task definition that a run starts: its family, whose latest active revision is used (API: taskDefinition).';
COMMENT ON COLUMN jobs.schedule IS 'When: second minute hour day_of_week week day month year, missing fields are * (API: schedule). Each ? has been replaced by the number that was chosen.';
COMMENT ON COLUMN jobs.timezone IS 'Zone of the schedule, as Europe/Berlin; NULL or empty: UTC (API: timezone).';
COMMENT ON COLUMN jobs.schedule_start IS 'No fire before this ISO 8601 time; without an offset it is local time in the job''s zone (API: scheduleStart).';
COMMENT ON COLUMN jobs.schedule_end IS 'No fire after this ISO 8601 time; without an offset it is local time in the job''s zone (API: scheduleEnd).';
COMMENT ON COLUMN jobs.task_count IS 'Tasks that shall run, 1 to 50: a fire starts what is missing (API: taskCount).';
COMMENT ON COLUMN jobs.max_count IS 'Most tasks that a trigger may ask for, 1 to 50; NULL: 50 (API: maxCount).';
COMMENT ON COLUMN jobs.trigger IS 'What decides how many tasks a fire wants, {"type": "sqs", "queueName": "work", "messagesPerTask": 100}; NULL: always task_count (API: trigger).';
COMMENT ON COLUMN jobs.overrides IS 'What tasks get by container, [{"containerName": "c", "environment": {"NAME": "value"}, "command": ["x"], "memory": 512}]; NULL: none (API: overrides). May hold secrets.';
COMMENT ON COLUMN jobs.ecs IS 'Options for RunTask, {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}}; NULL: none, and what ECSS_ECS_DEFAULTS of scheduld says holds (API: ecs).';
COMMENT ON COLUMN jobs.misfire_grace_seconds IS 'How many seconds late a fire may still be launched, 0 to 86400; later it is on record as missed. NULL: as scheduld''s setting ECSS_MISFIRE_GRACE_SECONDS says (API: misfireGraceSeconds).';
COMMENT ON COLUMN jobs.suspended IS 'True: the job does not fire. NULL is false, and means that it was never said (API: suspended).';
COMMENT ON COLUMN jobs.scheduled_since IS 'Since when schedule, timezone, schedule_start, schedule_end and suspended are as they are: no fire time before it counts, so that a job that is resumed does not make up for the time of its rest. Kept by a trigger.';
COMMENT ON COLUMN jobs.revision IS 'Another, higher number after each change. Kept by a trigger, also for changes by hand.';
COMMENT ON COLUMN jobs.changed_xid IS 'Transaction that last changed the row, for the scheduler to find what changed since it last looked. Kept by a trigger.';
COMMENT ON COLUMN jobs.created_at IS 'When the job was made. Kept by a trigger.';
COMMENT ON COLUMN jobs.updated_at IS 'When the job was last changed. Kept by a trigger.';
COMMENT ON COLUMN jobs.updated_by IS 'Who last changed the job: token:NAME, or api where none was asked for, by the REST API; role:NAME, the database user, for changes by hand (API: updatedBy). Kept by a trigger.';
COMMENT ON COLUMN jobs.asked_by IS 'How webapid says who asks; the trigger moves it to updated_by. Always NULL.';
COMMENT ON COLUMN jobs.weight IS 'Bytes that the job is about to take in an answer of the API, which adds them up to see what goes on a page. Kept by PostgreSQL.';

CREATE TABLE job_tombstones (
    job_id text COLLATE "C" NOT NULL,
    changed_xid xid8 NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, changed_xid)
);
CREATE INDEX job_tombstones_changed_xid ON job_tombstones (changed_xid);
COMMENT ON TABLE job_tombstones IS 'Jobs that were deleted, for a scheduler that looks for what changed since it last looked. Written by a trigger on jobs, pruned by scheduld.';
COMMENT ON COLUMN job_tombstones.job_id IS 'The id that the job had. There may be a job with this id again.';
COMMENT ON COLUMN job_tombstones.changed_xid IS 'Transaction that deleted it.';
COMMENT ON COLUMN job_tombstones.deleted_at IS 'When it was deleted.';


-- What the triggers keep. AFTER triggers are by statement: a statement that changes many jobs costs one hint, not
-- one for each, as a listener is faster in reading all jobs than in reading thousands one by one.

CREATE FUNCTION jobs_stamp() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'the id of a job cannot change'
            USING ERRCODE = 'check_violation', TABLE = 'jobs', CONSTRAINT = 'jobs_id_is_for_ever',
                HINT = 'Insert a job with the new id and delete the old one.';
    END IF;
    NEW.revision := nextval('jobs_revision');
    NEW.changed_xid := pg_current_xact_id();
    NEW.created_at := CASE TG_OP WHEN 'INSERT' THEN now() ELSE OLD.created_at END;
    NEW.updated_at := now();
    NEW.updated_by := coalesce(NEW.asked_by, 'role:' || session_user);
    NEW.asked_by := NULL;
    NEW.scheduled_since := CASE
        WHEN TG_OP = 'INSERT' THEN now()
        WHEN (NEW.schedule, NEW.timezone, NEW.schedule_start, NEW.schedule_end, NEW.suspended IS TRUE)
            IS DISTINCT FROM (OLD.schedule, OLD.timezone, OLD.schedule_start, OLD.schedule_end, OLD.suspended IS TRUE)
            THEN now()
        ELSE OLD.scheduled_since
    END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION jobs_stamp IS 'Keeps scheduled_since, revision, changed_xid, created_at, updated_at and updated_by of jobs.';

CREATE FUNCTION jobs_tell() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
        PERFORM pg_notify('ecss_jobs', '');
    ELSE
        PERFORM pg_notify('ecss_jobs', id) FROM changed;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION jobs_tell IS 'NOTIFY ecss_jobs with the id of each job that a statement changed; more than 1000: once, without an id, which means all.';

-- Runs as the owner of the tables, as who deletes a job may not write tombstones.
CREATE FUNCTION jobs_bury() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO job_tombstones (job_id, changed_xid)
    SELECT id, pg_current_xact_id() FROM changed
    ON CONFLICT DO NOTHING; -- deleted, made and deleted again in one transaction
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION jobs_bury IS 'Writes a tombstone for each job that a statement deleted.';

CREATE FUNCTION jobs_truncated() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('ecss_jobs', '');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION jobs_truncated IS 'NOTIFY ecss_jobs without an id, which means all jobs, after TRUNCATE.';

CREATE TRIGGER jobs_stamp BEFORE INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_stamp();
CREATE TRIGGER jobs_tell_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tell();
CREATE TRIGGER jobs_tell_update AFTER UPDATE ON jobs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tell();
CREATE TRIGGER jobs_tell_delete AFTER DELETE ON jobs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_tell();
CREATE TRIGGER jobs_bury AFTER DELETE ON jobs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_bury();
CREATE TRIGGER jobs_truncated AFTER TRUNCATE ON jobs FOR EACH STATEMENT EXECUTE FUNCTION jobs_truncated();


-- A request that creates a job may carry a key, so that it can be repeated by who did not hear the answer.
CREATE TABLE idempotency_keys (
    caller text COLLATE "C" NOT NULL CHECK (octet_length(caller) BETWEEN 1 AND 512),
    key text COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 512),
    request text NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    revision bigint,
    answer text NOT NULL,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);
COMMENT ON TABLE idempotency_keys IS 'What POST /jobs with an Idempotency-Key was answered, for 24 hours: a repeat is answered the same and does nothing. Written by webapid only.';
COMMENT ON COLUMN idempotency_keys.caller IS 'Whose key it is, as jobs.updated_by has it: the same key of two tokens is two keys.';
COMMENT ON COLUMN idempotency_keys.key IS 'The key that the client chose.';
COMMENT ON COLUMN idempotency_keys.request IS 'SHA-256 of the body that came with it: another body with the same key is refused.';
COMMENT ON COLUMN idempotency_keys.job_id IS 'Id of the job that was to be created.';
COMMENT ON COLUMN idempotency_keys.revision IS 'Its revision (see jobs.revision); NULL: there was a job with this id already.';
COMMENT ON COLUMN idempotency_keys.answer IS 'Body of the answer if it was created.';
COMMENT ON COLUMN idempotency_keys.expires_at IS 'From then on the key is as good as new. Pruned by the next requests that carry a key.';

-- Whoever inserts the key creates the job; all others wait for that commit and get what it left. Each call takes
-- away a few keys that have expired, and adds one.
CREATE FUNCTION job_create_once(
    given_asked_by text, given_key text, given_request text, given_answer text, given_id text, given_task_definition text,
    given_schedule text, given_schedule_start text, given_schedule_end text, given_timezone text,
    given_task_count integer, given_max_count integer, given_suspended boolean, given_trigger jsonb,
    given_overrides jsonb, given_misfire_grace_seconds integer, given_ecs jsonb) RETURNS idempotency_keys
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    kept idempotency_keys;
BEGIN
    DELETE FROM idempotency_keys WHERE expires_at <= now() AND ((caller, key) = (given_asked_by, given_key) OR (caller, key) IN (
        SELECT caller, key FROM idempotency_keys WHERE expires_at <= now() ORDER BY expires_at LIMIT 5
        FOR UPDATE SKIP LOCKED));
    LOOP
        INSERT INTO idempotency_keys (caller, key, request, job_id, answer)
        VALUES (given_asked_by, given_key, given_request, given_id, given_answer) ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
        SELECT * INTO kept FROM idempotency_keys WHERE caller = given_asked_by AND key = given_key;
        IF FOUND THEN
            RETURN kept;
        END IF;
    END LOOP;
    WITH made AS (
        INSERT INTO jobs (id, task_definition, schedule, schedule_start, schedule_end, timezone, task_count,
            max_count, suspended, trigger, overrides, misfire_grace_seconds, ecs, asked_by)
        VALUES (given_id, given_task_definition, given_schedule, given_schedule_start, given_schedule_end,
            given_timezone, given_task_count, given_max_count, given_suspended, given_trigger, given_overrides,
            given_misfire_grace_seconds, given_ecs, given_asked_by)
        ON CONFLICT (id) DO NOTHING RETURNING revision)
    UPDATE idempotency_keys SET revision = (SELECT made.revision FROM made)
    WHERE caller = given_asked_by AND key = given_key
    RETURNING * INTO kept;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION job_create_once IS 'Creates a job unless the key was used before, and returns what is kept with the key.';


-- Runs as the owner of the tables, as who may write job_state may not lock jobs.
CREATE FUNCTION jobs_kept(ids text[]) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT id FROM jobs WHERE id = ANY (ids) FOR KEY SHARE SKIP LOCKED
$$;
COMMENT ON FUNCTION jobs_kept IS 'Which of these jobs there are and nobody is deleting; until the end of the transaction nobody can. For scheduld, which so never waits for who deletes several jobs, and he for it.';


-- Written at each fire. Nothing but the key is indexed and pages have room, so that updates stay on their page (HOT).
CREATE TABLE job_state (
    job_id text COLLATE "C" PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    cursor timestamptz,
    next_run timestamptz,
    last_run timestamptz,
    last_run_tasks jsonb,
    problem text,
    armed_revision bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT job_state_times_are_finite CHECK (isfinite(cursor) AND isfinite(next_run) AND isfinite(last_run)),
    CONSTRAINT job_state_last_run_tasks_is_an_array CHECK (jsonb_typeof(last_run_tasks) = 'array'),
    CONSTRAINT job_state_problem_has_1_to_1024_bytes CHECK (octet_length(problem) BETWEEN 1 AND 1024)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE job_state IS 'How far each job is: one row a job, written by scheduld only.';
COMMENT ON COLUMN job_state.job_id IS 'The job. The row goes when the job is deleted.';
COMMENT ON COLUMN job_state.cursor IS 'Last fire time that was acted on: planned, skipped or recorded as missed.';
COMMENT ON COLUMN job_state.next_run IS 'Fire time that the job is armed for; NULL: none (suspended, ended, or see problem).';
COMMENT ON COLUMN job_state.last_run IS 'Fire time of the last run that started a task (API: lastRun).';
COMMENT ON COLUMN job_state.last_run_tasks IS 'Tasks of that run, [{"taskId": "arn:...", "hostId": "arn:..."}] (API: lastRunTasks).';
COMMENT ON COLUMN job_state.problem IS 'Why the job cannot be armed, as a schedule that does not parse; NULL: all is well.';
COMMENT ON COLUMN job_state.armed_revision IS 'The jobs.revision that next_run and problem were computed from; another one there means that the scheduler has not seen the change yet.';
COMMENT ON COLUMN job_state.updated_at IS 'When the row was last written.';

CREATE TABLE runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id text COLLATE "C" NOT NULL,
    fire_at timestamptz NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL DEFAULT 'schedule',
    coalesced integer NOT NULL DEFAULT 0,
    wanted integer,
    running integer,
    needed integer,
    request jsonb,
    chunks jsonb NOT NULL DEFAULT '[]',
    tasks jsonb NOT NULL DEFAULT '[]',
    error text,
    epoch bigint NOT NULL,
    planned_at timestamptz NOT NULL DEFAULT now(),
    launched_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT runs_job_id_fire_at_key UNIQUE (job_id, fire_at),
    CONSTRAINT runs_job_id_is_a_name CHECK (job_name_valid(job_id)),
    CONSTRAINT runs_state_is_known CHECK (state IN ('planned', 'launching', 'started', 'not_needed',
        'launch_failed', 'missed', 'skipped', 'succeeded', 'failed')),
    CONSTRAINT runs_requested_by_has_1_to_255_characters CHECK (length(requested_by) BETWEEN 1 AND 255),
    CONSTRAINT runs_coalesced_is_not_negative CHECK (coalesced >= 0),
    CONSTRAINT runs_wanted_is_0_to_50 CHECK (wanted BETWEEN 0 AND 50),
    CONSTRAINT runs_running_is_not_negative CHECK (running >= 0),
    CONSTRAINT runs_needed_is_0_to_50 CHECK (needed BETWEEN 0 AND 50),
    CONSTRAINT runs_request_is_an_object CHECK (jsonb_typeof(request) = 'object'),
    CONSTRAINT runs_chunks_is_an_array CHECK (jsonb_typeof(chunks) = 'array'),
    CONSTRAINT runs_tasks_is_an_array CHECK (jsonb_typeof(tasks) = 'array'),
    CONSTRAINT runs_error_has_1_to_1024_bytes CHECK (octet_length(error) BETWEEN 1 AND 1024),
    CONSTRAINT runs_times_are_finite CHECK (isfinite(fire_at) AND isfinite(launched_at)),
    CONSTRAINT runs_epoch_is_positive CHECK (epoch >= 1)
) WITH (fillfactor = 80);
CREATE INDEX runs_fire_at ON runs (fire_at);
CREATE INDEX runs_open ON runs (fire_at) WHERE state IN ('planned', 'launching');
-- Whether a task is on record. With a list of what is still to be sorted in, now and then somebody would have to do
-- that before his result is written, for seconds.
CREATE INDEX runs_tasks ON runs USING gin (tasks jsonb_path_ops) WITH (fastupdate = off) WHERE tasks <> '[]';
COMMENT ON TABLE runs IS 'The ledger: one row for each fire of a job, written before anything is launched, by scheduld only. A run outlives its job. Read recent_runs, failed_runs and running_tasks first.';
COMMENT ON COLUMN runs.id IS 'Number of the run.';
COMMENT ON COLUMN runs.job_id IS 'The job that fired; it may have been deleted since.';
COMMENT ON COLUMN runs.fire_at IS 'The instant at which the schedule said that the job is due. A job has one run for it, ever.';
COMMENT ON COLUMN runs.state IS 'planned (decided, RunTask may be on its way) > launching (RunTask is to be sent again) > started (tasks run) > succeeded or failed; launch_failed (ECS started nothing, or not all); not_needed (enough tasks ran or the queue was empty); missed (nobody could act within the grace); skipped (the run before was still launching).';
COMMENT ON COLUMN runs.requested_by IS 'Who wanted the run: schedule.';
COMMENT ON COLUMN runs.coalesced IS 'Earlier fire times that passed while nobody could act and that this run stands for.';
COMMENT ON COLUMN runs.wanted IS 'Tasks that the trigger or task_count asked for; NULL: it was not asked.';
COMMENT ON COLUMN runs.running IS 'Tasks of this job that ran when it was checked; NULL: it was not checked.';
COMMENT ON COLUMN runs.needed IS 'Tasks to start: wanted less running, at least 0; NULL: it was not decided.';
COMMENT ON COLUMN runs.request IS 'Parameters of RunTask as planned: a repeat sends the very same, even if the job was edited since. May hold secrets (overrides).';
COMMENT ON COLUMN runs.chunks IS 'Calls of RunTask, at most 10 tasks each: count, attempt, token and outcome of each.';
COMMENT ON COLUMN runs.tasks IS 'Tasks that were started: [{"taskId": "arn:...", "hostId": "arn:..."}].';
COMMENT ON COLUMN runs.error IS 'Why the run failed, was missed or was skipped; NULL: no error.';
COMMENT ON COLUMN runs.epoch IS 'Epoch of the leader that last wrote the row (see scheduler.epoch).';
COMMENT ON COLUMN runs.planned_at IS 'When the row was written.';
COMMENT ON COLUMN runs.launched_at IS 'When RunTask was first sent; NULL: never.';
COMMENT ON COLUMN runs.finished_at IS 'When the last task stopped, or the run ended without one; NULL: not yet.';
COMMENT ON COLUMN runs.updated_at IS 'When the row was last written.';

CREATE TABLE scheduler (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    installation uuid NOT NULL DEFAULT gen_random_uuid(),
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    holder text CHECK (length(holder) BETWEEN 1 AND 255),
    since timestamptz,
    heartbeat timestamptz
) WITH (fillfactor = 10);
INSERT INTO scheduler DEFAULT VALUES;
COMMENT ON TABLE scheduler IS 'Who leads: one row, written by the scheduld that holds the advisory lock (1701016435, oid of this table). Its session: SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND locktype = ''advisory'' AND classid = 1701016435 AND objid = ''scheduler''::regclass.';
COMMENT ON COLUMN scheduler.only_row IS 'Always true, so that there can be no second row.';
COMMENT ON COLUMN scheduler.installation IS 'Name of this installation, part of every client token: those of two installations on one ECS cluster differ. What tells their tasks apart is ECSS_NAME: another one for each.';
COMMENT ON COLUMN scheduler.epoch IS 'Grows by one each time that a scheduld becomes the leader; a write with an older one changes nothing.';
COMMENT ON COLUMN scheduler.holder IS 'The leader: host and process; NULL: nobody leads.';
COMMENT ON COLUMN scheduler.since IS 'When it became the leader.';
COMMENT ON COLUMN scheduler.heartbeat IS 'When it last said that it is alive.';


-- Who may ask the API, by hash. Made and revoked by the owner of the tables (webapid --create-token).
CREATE TABLE api_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    scope text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT session_user,
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_tokens_name_is_a_name CHECK (name ~ '^[0-9A-Za-z_.@-]{1,64}$'),
    CONSTRAINT api_tokens_scope_is_read_or_write CHECK (scope IN ('read', 'write')),
    CONSTRAINT api_tokens_hash_has_32_bytes CHECK (octet_length(hash) = 32),
    CONSTRAINT api_tokens_times_are_finite CHECK (isfinite(expires_at) AND isfinite(revoked_at))
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (name) WHERE revoked_at IS NULL;
COMMENT ON TABLE api_tokens IS 'Bearer tokens of the REST API; webapid hears of a change at commit. Make one with webapid --create-token, revoke one with webapid --revoke-token, or by UPDATE api_tokens SET revoked_at = now() WHERE name = ...';
COMMENT ON COLUMN api_tokens.id IS 'Number of the token.';
COMMENT ON COLUMN api_tokens.name IS 'Who has it, 1 to 64 of 0-9 A-Z a-z _ . @ -; no two that are not revoked have the same.';
COMMENT ON COLUMN api_tokens.scope IS 'read: GET only; write: everything.';
COMMENT ON COLUMN api_tokens.hash IS 'SHA-256 of the token. The token itself is kept nowhere.';
COMMENT ON COLUMN api_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN api_tokens.created_by IS 'Database user who made it.';
COMMENT ON COLUMN api_tokens.expires_at IS 'From when on it is no good; NULL: never.';
COMMENT ON COLUMN api_tokens.revoked_at IS 'When it was revoked; NULL: it was not.';

CREATE FUNCTION api_tokens_tell() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('ecss_tokens', '');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION api_tokens_tell IS 'NOTIFY ecss_tokens after a change of api_tokens.';

CREATE TRIGGER api_tokens_tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON api_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION api_tokens_tell();


-- For people, in psql.

-- A zone that PostgreSQL does not know must not break a view for all other jobs.
CREATE FUNCTION job_local_time(at timestamptz, zone text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_char(at AT TIME ZONE coalesce(nullif(zone, ''), 'UTC'), 'YYYY-MM-DD HH24:MI:SS ')
        || coalesce(nullif(zone, ''), 'UTC');
EXCEPTION
    WHEN invalid_parameter_value THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION job_local_time IS 'The time in a zone, and the zone; NULL if PostgreSQL does not know the zone.';

CREATE VIEW job_status AS
SELECT
    j.id,
    CASE
        WHEN j.suspended THEN 'suspended'
        WHEN s.armed_revision IS DISTINCT FROM j.revision THEN 'not seen by the scheduler yet'
        WHEN s.problem IS NOT NULL THEN 'problem'
        WHEN s.next_run IS NULL THEN 'ended'
        WHEN s.next_run < now() - interval '10 seconds' THEN 'overdue'
        ELSE 'armed'
    END AS status,
    s.problem,
    j.schedule,
    coalesce(nullif(j.timezone, ''), 'UTC') AS timezone,
    s.next_run AT TIME ZONE 'UTC' AS next_run_utc,
    job_local_time(s.next_run, j.timezone) AS next_run_local,
    date_trunc('second', s.next_run - now()) AS next_run_in,
    s.last_run AT TIME ZONE 'UTC' AS last_run_utc,
    job_local_time(s.last_run, j.timezone) AS last_run_local,
    jsonb_array_length(s.last_run_tasks) AS last_run_tasks,
    r.fire_at AT TIME ZONE 'UTC' AS last_fire_utc,
    r.state AS last_fire_state,
    r.error AS last_fire_error,
    j.task_definition,
    j.task_count,
    j.max_count,
    j.misfire_grace_seconds,
    j.ecs ->> 'cluster' AS cluster,
    j.ecs ->> 'launchType' AS launch_type,
    j.updated_at,
    j.updated_by
FROM jobs j
LEFT JOIN job_state s ON s.job_id = j.id
LEFT JOIN LATERAL (
    SELECT fire_at, state, error FROM runs WHERE job_id = j.id ORDER BY fire_at DESC LIMIT 1
) r ON true
ORDER BY j.ordinal;
COMMENT ON VIEW job_status IS 'How each job fares, and if it does not fire, why. One job: SELECT * FROM job_status WHERE id = ''nightly'' \gx';
COMMENT ON COLUMN job_status.id IS 'The job.';
COMMENT ON COLUMN job_status.status IS 'armed; overdue (its time passed more than 10 s ago: does a scheduld lead? see scheduler); suspended; ended (no fire time is left); problem; not seen by the scheduler yet.';
COMMENT ON COLUMN job_status.problem IS 'Why the job cannot be armed.';
COMMENT ON COLUMN job_status.schedule IS 'When: second minute hour day_of_week week day month year.';
COMMENT ON COLUMN job_status.timezone IS 'Zone of the schedule.';
COMMENT ON COLUMN job_status.next_run_utc IS 'Next fire time, in UTC.';
COMMENT ON COLUMN job_status.next_run_local IS 'Next fire time, in the zone of the job.';
COMMENT ON COLUMN job_status.next_run_in IS 'How long until then; negative: so late it is.';
COMMENT ON COLUMN job_status.last_run_utc IS 'Fire time of the last run that started a task, in UTC.';
COMMENT ON COLUMN job_status.last_run_local IS 'Fire time of the last run that started a task, in the zone of the job.';
COMMENT ON COLUMN job_status.last_run_tasks IS 'Number of tasks that it started.';
COMMENT ON COLUMN job_status.last_fire_utc IS 'Last fire time on record in runs, whatever came of it, in UTC.';
COMMENT ON COLUMN job_status.last_fire_state IS 'What came of it, see runs.state.';
COMMENT ON COLUMN job_status.last_fire_error IS 'Why, if it failed.';
COMMENT ON COLUMN job_status.task_definition IS 'ECS task definition that a run starts.';
COMMENT ON COLUMN job_status.task_count IS 'Tasks that shall run.';
COMMENT ON COLUMN job_status.max_count IS 'Most tasks that the trigger may ask for.';
COMMENT ON COLUMN job_status.misfire_grace_seconds IS 'How late a fire may still be launched; NULL: as ECSS_MISFIRE_GRACE_SECONDS of scheduld says.';
COMMENT ON COLUMN job_status.cluster IS 'Cluster that the job names; NULL: ECSS_ECS_CLUSTER of scheduld.';
COMMENT ON COLUMN job_status.launch_type IS 'Launch type that the job names; NULL: see jobs.ecs, ECSS_ECS_DEFAULTS of scheduld, and what the cluster has.';
COMMENT ON COLUMN job_status.updated_at IS 'When the job was last changed.';
COMMENT ON COLUMN job_status.updated_by IS 'Who last changed it, see jobs.updated_by.';

CREATE VIEW upcoming_runs AS
SELECT
    s.next_run AT TIME ZONE 'UTC' AS fire_utc,
    job_local_time(s.next_run, j.timezone) AS fire_local,
    date_trunc('second', s.next_run - now()) AS fires_in,
    j.id AS job_id,
    j.task_definition,
    j.task_count,
    j.trigger ->> 'queueName' AS queue,
    j.schedule
FROM jobs j
JOIN job_state s ON s.job_id = j.id AND s.armed_revision = j.revision
WHERE s.next_run IS NOT NULL AND j.suspended IS NOT TRUE
ORDER BY s.next_run, j.id;
COMMENT ON VIEW upcoming_runs IS 'The next fire of each job that is armed, soonest first. SELECT * FROM upcoming_runs LIMIT 20';
COMMENT ON COLUMN upcoming_runs.fire_utc IS 'Next fire time, in UTC.';
COMMENT ON COLUMN upcoming_runs.fire_local IS 'Next fire time, in the zone of the job.';
COMMENT ON COLUMN upcoming_runs.fires_in IS 'How long until then; negative: so late it is.';
COMMENT ON COLUMN upcoming_runs.job_id IS 'The job.';
COMMENT ON COLUMN upcoming_runs.task_definition IS 'ECS task definition that the run starts.';
COMMENT ON COLUMN upcoming_runs.task_count IS 'Tasks that shall run.';
COMMENT ON COLUMN upcoming_runs.queue IS 'SQS queue that decides whether any are started; NULL: none does.';
COMMENT ON COLUMN upcoming_runs.schedule IS 'When: second minute hour day_of_week week day month year.';

CREATE VIEW recent_runs AS
SELECT
    r.fire_at AT TIME ZONE 'UTC' AS fire_utc,
    job_local_time(r.fire_at, j.timezone) AS fire_local,
    r.job_id,
    r.state,
    r.wanted,
    r.running,
    r.needed,
    jsonb_array_length(r.tasks) AS started,
    round(extract(epoch FROM r.launched_at - r.fire_at), 3) AS late_s,
    round(extract(epoch FROM r.finished_at - r.launched_at), 3) AS took_s,
    r.coalesced,
    r.error,
    r.requested_by,
    r.id AS run_id
FROM runs r
LEFT JOIN jobs j ON j.id = r.job_id
ORDER BY r.fire_at DESC, r.job_id;
COMMENT ON VIEW recent_runs IS 'All runs on record, latest first. SELECT * FROM recent_runs WHERE job_id = ''nightly'' LIMIT 20';
COMMENT ON COLUMN recent_runs.fire_utc IS 'When the job was due, in UTC.';
COMMENT ON COLUMN recent_runs.fire_local IS 'When the job was due, in the zone of the job; in UTC if it was deleted.';
COMMENT ON COLUMN recent_runs.job_id IS 'The job.';
COMMENT ON COLUMN recent_runs.state IS 'What came of it, see runs.state.';
COMMENT ON COLUMN recent_runs.wanted IS 'Tasks that were asked for.';
COMMENT ON COLUMN recent_runs.running IS 'Tasks of this job that ran already.';
COMMENT ON COLUMN recent_runs.needed IS 'Tasks to start.';
COMMENT ON COLUMN recent_runs.started IS 'Tasks that were started.';
COMMENT ON COLUMN recent_runs.late_s IS 'Seconds from the fire time until RunTask was sent.';
COMMENT ON COLUMN recent_runs.took_s IS 'Seconds from then until the run was finished.';
COMMENT ON COLUMN recent_runs.coalesced IS 'Earlier fire times that this run stands for.';
COMMENT ON COLUMN recent_runs.error IS 'Why the run failed, was missed or was skipped.';
COMMENT ON COLUMN recent_runs.requested_by IS 'Who wanted the run.';
COMMENT ON COLUMN recent_runs.run_id IS 'Number of the run.';

CREATE VIEW failed_runs AS
SELECT
    r.fire_at AT TIME ZONE 'UTC' AS fire_utc,
    job_local_time(r.fire_at, j.timezone) AS fire_local,
    r.job_id,
    r.state,
    r.error,
    r.needed,
    jsonb_array_length(r.tasks) AS started,
    round(extract(epoch FROM r.launched_at - r.fire_at), 3) AS late_s,
    r.coalesced,
    r.chunks,
    r.id AS run_id
FROM runs r
LEFT JOIN jobs j ON j.id = r.job_id
WHERE r.state IN ('failed', 'launch_failed', 'missed', 'skipped')
ORDER BY r.fire_at DESC, r.job_id;
COMMENT ON VIEW failed_runs IS 'Runs that failed, were missed or were skipped, latest first, with the reason. SELECT * FROM failed_runs LIMIT 20';
COMMENT ON COLUMN failed_runs.fire_utc IS 'When the job was due, in UTC.';
COMMENT ON COLUMN failed_runs.fire_local IS 'When the job was due, in the zone of the job; in UTC if it was deleted.';
COMMENT ON COLUMN failed_runs.job_id IS 'The job.';
COMMENT ON COLUMN failed_runs.state IS 'failed, launch_failed, missed or skipped, see runs.state.';
COMMENT ON COLUMN failed_runs.error IS 'The reason.';
COMMENT ON COLUMN failed_runs.needed IS 'Tasks to start.';
COMMENT ON COLUMN failed_runs.started IS 'Tasks that were started all the same.';
COMMENT ON COLUMN failed_runs.late_s IS 'Seconds from the fire time until RunTask was sent.';
COMMENT ON COLUMN failed_runs.coalesced IS 'Earlier fire times that this run stands for.';
COMMENT ON COLUMN failed_runs.chunks IS 'Calls of RunTask and their outcomes.';
COMMENT ON COLUMN failed_runs.run_id IS 'Number of the run.';

CREATE VIEW running_tasks AS
SELECT
    r.job_id,
    task.value ->> 'taskId' AS task,
    task.value ->> 'hostId' AS host,
    r.fire_at AT TIME ZONE 'UTC' AS fire_utc,
    job_local_time(r.fire_at, j.timezone) AS fire_local,
    date_trunc('second', now() - coalesce(r.launched_at, r.planned_at)) AS runs_for,
    r.state,
    r.id AS run_id
FROM runs r
CROSS JOIN LATERAL jsonb_array_elements(r.tasks) AS task (value)
LEFT JOIN jobs j ON j.id = r.job_id
WHERE r.state IN ('launching', 'started') AND r.finished_at IS NULL
ORDER BY r.fire_at DESC, r.job_id;
COMMENT ON VIEW running_tasks IS 'Tasks that were started and are not known to have stopped, latest first.';
COMMENT ON COLUMN running_tasks.job_id IS 'The job.';
COMMENT ON COLUMN running_tasks.task IS 'ARN of the ECS task.';
COMMENT ON COLUMN running_tasks.host IS 'ARN of the container instance that it was placed on; NULL on Fargate.';
COMMENT ON COLUMN running_tasks.fire_utc IS 'When the job was due, in UTC.';
COMMENT ON COLUMN running_tasks.fire_local IS 'When the job was due, in the zone of the job; in UTC if it was deleted.';
COMMENT ON COLUMN running_tasks.runs_for IS 'How long ago it was started.';
COMMENT ON COLUMN running_tasks.state IS 'State of its run, see runs.state.';
COMMENT ON COLUMN running_tasks.run_id IS 'Number of its run.';


-- One writer per table.
REVOKE ALL ON schema_migrations, idempotency_keys, jobs, job_tombstones, job_state, runs, scheduler FROM PUBLIC;
GRANT SELECT ON schema_migrations, jobs, job_tombstones, job_state, runs, scheduler,
    job_status, upcoming_runs, recent_runs, failed_runs, running_tasks
    TO ecs_scheduler_webapid, ecs_scheduler_scheduld;

REVOKE ALL ON api_tokens FROM PUBLIC;
GRANT SELECT ON api_tokens TO ecs_scheduler_webapid;

GRANT INSERT, UPDATE, DELETE ON jobs TO ecs_scheduler_webapid;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO ecs_scheduler_webapid;
GRANT USAGE ON SEQUENCE jobs_revision, jobs_ordinal_seq TO ecs_scheduler_webapid;

GRANT INSERT, UPDATE, DELETE ON job_state, runs TO ecs_scheduler_scheduld;
REVOKE ALL ON FUNCTION jobs_kept FROM PUBLIC;
GRANT EXECUTE ON FUNCTION jobs_kept TO ecs_scheduler_scheduld;
GRANT DELETE ON job_tombstones TO ecs_scheduler_scheduld;
GRANT UPDATE (epoch, holder, since, heartbeat) ON scheduler TO ecs_scheduler_scheduld;
