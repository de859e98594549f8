"""What docs/operations.md says to ask in psql works, as the user that it says."""
import pathlib
import re
import unittest

from stack import DATABASE, SOURCE, Stack, wait_until

DOCUMENT = pathlib.Path(SOURCE) / "docs" / "operations.md"
LOCKS = 1701016435  # the class of all advisory locks of ours
MIGRATION = 1
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(task_definitions=["nightly"]).__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.stack.sql("INSERT INTO jobs (id, task_definition, schedule) VALUES ('nightly', 'nightly', '*'), ('broken', 'nightly', 'x')")
        cls.stack.sql("CREATE ROLE you LOGIN IN ROLE ecs_scheduler_webapid, pg_monitor, pg_signal_backend")
        cls.stack.sql("INSERT INTO runs (job_id, fire_at, state, epoch, error) VALUES ('nightly', now() - interval '1 minute',"
                      " 'missed', 1, 'as the test says')")
        cls.stack.start_scheduld()
        wait_until("a run is launched, and the problem is seen", lambda: cls.stack.sql(
            "SELECT EXISTS (SELECT FROM runs WHERE launched_at IS NOT NULL) AND EXISTS (SELECT FROM job_state WHERE problem IS NOT NULL)")
            == [(True,)])

    # What the query must show in the system above, as psql prints it; the others need not have rows.
    SHOWS = {"FROM scheduler": r"^\d+\|[^|]+:\d+\|", "l.locktype = 'advisory'": r"^\d+\|", "status IN": r"^broken\|problem\|schedule",
             "FROM recent_runs WHERE job_id": r"\|nightly\|started\|", "percentile_cont": r"^[1-9]\d*\|\d", "count(*), max(fire_at)": r"^missed\|as the",
             "pg_stat_user_tables": r"^runs\|", "min(fire_at)": r"^20"}

    def test_each_query_works(self):
        queries = BLOCK.findall(DOCUMENT.read_text())
        self.assertGreater(len(queries), 10)
        unseen = dict(self.SHOWS)
        for query in queries:
            with self.subTest(query):
                shown = self.stack.cluster.psql(query, DATABASE, "you")
                for part in [part for part in unseen if part in query]:
                    self.assertRegex(shown, re.compile(unseen.pop(part), re.MULTILINE))
        self.assertEqual(unseen, {}, "these queries are not in the document any more")

    def test_who_leads_is_told_from_who_does_not(self):
        """Another installation's leader on the same server, and our migrations and imports, have locks of the same class."""
        import psycopg2

        query = next(query for query in BLOCK.findall(DOCUMENT.read_text()) if "'advisory'" in query)
        self.stack.cluster.create_database("another")
        lead, imports = self.stack.sql("SELECT 'scheduler'::regclass::oid::integer, 'jobs'::regclass::oid::integer")[0]
        holders = []
        try:
            for database, number in (("another", lead), (DATABASE, MIGRATION), (DATABASE, imports)):
                holders.append(psycopg2.connect(self.stack.cluster.url(database)))
                holders[-1].cursor().execute("SELECT pg_advisory_lock(%s, %s)", (LOCKS, number))
            shown = self.stack.cluster.psql(query, DATABASE, "you").splitlines()
        finally:
            for holder in holders:
                holder.close()
        self.assertEqual([row.split("|")[1] for row in shown], ["scheduld leader"])

    def test_who_holds_up_is_seen(self):
        """A table that is locked is found by the fourth query, with who has it."""
        import psycopg2

        query = next(query for query in BLOCK.findall(DOCUMENT.read_text()) if "pg_blocking_pids" in query)
        holder = psycopg2.connect(self.stack.cluster.url(DATABASE, application_name="forgotten"))
        try:
            holder.cursor().execute("LOCK TABLE runs IN SHARE MODE")
            shown = wait_until("the wait is seen", lambda: self.stack.cluster.psql(query, DATABASE, "you"))
            self.assertRegex(shown, r"\|forgotten\|idle in transaction\|")
        finally:
            holder.close()


if __name__ == "__main__":
    unittest.main()
