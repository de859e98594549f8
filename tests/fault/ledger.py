"""What a test writes down beside the product, in the same database, in triggers: each change of a job, each step of a run,
each epoch. So the audit knows what was committed, in its order, whatever was killed in between, and each write of a run
is held against the epoch at the very moment when it is made.
"""
from stack import DATABASE

INSTALL = """
CREATE TABLE seen_jobs (
    seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), op text NOT NULL, job_id text NOT NULL,
    schedule text, schedule_start text, schedule_end text, suspended boolean, task_count integer, max_count integer,
    trigger jsonb, misfire_grace_seconds integer, since timestamptz);
CREATE TABLE seen_runs (
    seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), run_id bigint NOT NULL,
    before text, after text NOT NULL, epoch bigint NOT NULL, leader_epoch bigint NOT NULL);
CREATE TABLE seen_epochs (
    seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), before bigint NOT NULL, after bigint NOT NULL);

CREATE FUNCTION see_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO seen_jobs (op, job_id) VALUES ('DELETE', OLD.id);
    ELSE
        INSERT INTO seen_jobs (op, job_id, schedule, schedule_start, schedule_end, suspended, task_count, max_count, trigger,
            misfire_grace_seconds, since)
        VALUES (TG_OP, NEW.id, NEW.schedule, NEW.schedule_start, NEW.schedule_end, NEW.suspended, NEW.task_count,
            NEW.max_count, NEW.trigger, NEW.misfire_grace_seconds, NEW.scheduled_since);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION see_run() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO seen_runs (run_id, before, after, epoch, leader_epoch)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.epoch, (SELECT epoch FROM scheduler));
    RETURN NULL;
END $$;
CREATE FUNCTION see_epoch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO seen_epochs (before, after) VALUES (OLD.epoch, NEW.epoch);
    RETURN NULL;
END $$;
CREATE TRIGGER zz_see_job AFTER INSERT OR UPDATE OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION see_job();
CREATE TRIGGER zz_see_run AFTER INSERT OR UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION see_run();
CREATE TRIGGER zz_see_epoch AFTER UPDATE ON scheduler FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION see_epoch();
"""


def install(stack):
    stack.sql(INSTALL)


def rows(stack, text):
    """Rows as dictionaries."""
    import psycopg2.extras

    connection = psycopg2.connect(stack.cluster.url(DATABASE), cursor_factory=psycopg2.extras.RealDictCursor)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            return [dict(row) for row in cursor.fetchall()]
    finally:
        connection.close()


def collect(stack):
    """All that the audit needs, as plain data."""
    return {
        "jobs": rows(stack, "SELECT seq, op, job_id, schedule, schedule_start, schedule_end, suspended, task_count, max_count,"
                     " trigger, misfire_grace_seconds, extract(epoch FROM since)::float8 AS since, extract(epoch FROM at)::float8 AS at"
                     " FROM seen_jobs ORDER BY seq"),
        "runs": rows(stack, "SELECT id, job_id, extract(epoch FROM fire_at)::bigint AS fire, state, coalesced, wanted, running,"
                     " needed, chunks, tasks, error, epoch, extract(epoch FROM updated_at)::float8 AS at FROM runs ORDER BY job_id, fire_at"),
        "steps": rows(stack, "SELECT run_id, before, after, epoch, leader_epoch, extract(epoch FROM at)::float8 AS at"
                      " FROM seen_runs ORDER BY seq"),
        "epochs": rows(stack, "SELECT before, after FROM seen_epochs ORDER BY seq"),
        "installation": str(stack.sql("SELECT installation FROM scheduler")[0][0]),
        "epoch": stack.sql("SELECT epoch FROM scheduler")[0][0],
        "launches": stack.aws.get("audit?by=clientToken&arns=yes"),
    }
