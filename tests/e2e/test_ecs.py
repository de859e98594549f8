"""What a job says for RunTask: each bad input is refused with its place, and all that is good arrives in RunTask as it was
said, as botocore's model of ECS has it (the stand-in refuses what is not): Debian's, and the newest where that is at hand.
"""
import json
import time
import unittest

from behaviour import FOREVER, STARTED_BY, once
from stack import ECS_CLUSTER, SOURCE, Stack, wait_until

LATER = "0 0 0 * * 1 1 2099"
CASES = [json.loads(line) for line in (SOURCE / "tests" / "data" / "ecs-refused.jsonl").read_text().splitlines()]
ROLE = "arn:aws:iam::123456789012:role/"
DEFAULTS = {"tags": [{"key": "by", "value": "all"}, {"key": "team", "value": "nobody"}], "enableECSManagedTags": True,
            "launchType": "EC2", "propagateTags": "TASK_DEFINITION"}

# A job on EC2, with all that goes there; and one on Fargate, with all that goes there.
EC2 = {
    "cluster": "other", "revision": 1, "launchType": "EC2", "group": "reports",
    "placementConstraints": [{"type": "distinctInstance"}, {"type": "memberOf", "expression": "attribute:ecs.instance-type =~ m5.*"}],
    "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"},
                          {"type": "random"}],
    "propagateTags": "NONE", "enableECSManagedTags": False, "enableExecuteCommand": True,
    "overrides": {"cpu": "1 vCPU", "memory": "2048", "taskRoleArn": ROLE + "task", "executionRoleArn": ROLE + "execution"}}
CONTAINERS = [
    {"containerName": "main", "environment": {"JOB": "{{jobId}}", "AT": "{{fireTime}}", "PLAIN": "ä \"{{{{x}}\""},
     "command": ["run", "--id={{runId}}", "--attempt", "{{attempt}}", ""], "cpu": 256, "memory": 512, "memoryReservation": 256,
     "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/folder/job.env"}],
     "resourceRequirements": [{"type": "GPU", "value": "1"}, {"type": "NeuronDevice", "value": "ALL"}]},
    {"containerName": "side", "command": []}]
FARGATE = {
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 3}, {"capacityProvider": "FARGATE", "weight": 1, "base": 2}],
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d", "subnet-4e5f6a7b"], "securityGroups": ["sg-0a1b2c3d"],
                                                     "assignPublicIp": "ENABLED"}},
    "platformVersion": "1.4.0", "tags": [{"key": "team", "value": "finance"}, {"key": "empty"}], "propagateTags": None,
    "cpu": "1024", "memory": "4096", "ephemeralStorage": {"sizeInGiB": 50},
    "volumeConfigurations": [{"name": "data", "managedEBSVolume": {
        "roleArn": ROLE + "ebs", "sizeInGiB": 20, "volumeType": "gp3", "iops": 3000, "throughput": 125, "encrypted": True,
        "kmsKeyId": "alias/data", "snapshotId": "snap-0a1b2c3d", "volumeInitializationRate": 100, "filesystemType": "xfs",
        "tagSpecifications": [{"resourceType": "volume", "tags": [{"key": "a", "value": "b"}], "propagateTags": "TASK_DEFINITION"}],
        "terminationPolicy": {"deleteOnTermination": True}}}]}


def newest_models():
    for parent in SOURCE.parents:
        if (parent / "shared" / "models" / "ecs.json").exists():
            return parent / "shared" / "models"
    return None


def places(messages, path=()):
    """The paths at which there are messages."""
    if isinstance(messages, list):
        yield ".".join(path)
    else:
        for key, value in messages.items():
            yield from places(value, (*path, key))


class Refused(unittest.TestCase):
    def test_each_bad_input_is_refused_at_its_place(self):
        with Stack() as stack:
            stack.start_webapid()
            stack.api("POST", "/jobs", {"taskDefinition": "there", "schedule": LATER})
            for case in CASES:
                for method, path, more in (("POST", "/jobs", {"taskDefinition": "new", "schedule": LATER}), ("PUT", "/jobs/there", {})):
                    if method == "PUT" and case["job"].get("ecs", "") is None:
                        continue  # there it takes the field away
                    status, answer = stack.api(method, path, {**more, **case["job"]})
                    self.assertEqual(status, 400, case["case"])
                    self.assertEqual(list(places(answer["messages"])), [case["field"]], case["case"])
            self.assertGreaterEqual(len(CASES), 80)
            self.one_at_a_time(stack)
            self.as_a_whole(stack)

    def one_at_a_time(self, stack):
        """Overrides and ecs that are too long together, in two changes."""
        both = next(case["job"] for case in CASES if case["case"].endswith("together with ecs"))
        for first, second in (("overrides", "ecs"), ("ecs", "overrides")):
            self.assertEqual(stack.api("PUT", "/jobs/there", {first: both[first], second: None})[0], 200)
            status, answer = stack.api("PUT", "/jobs/there", {second: both[second]})
            self.assertEqual((status, list(answer["messages"])), (400, [second]))


    def as_a_whole(self, stack):
        """PUT replaces all of ecs, and null takes it away."""
        for ecs, shown in (({"group": "g", "overrides": {"cpu": "256"}}, {"group": "g", "cpu": "256"}), ({"memory": "512", "cpu": None},
                           {"memory": "512", "cpu": None}), ({}, {}), (None, None)):
            self.assertEqual(stack.api("PUT", "/jobs/there", {"ecs": ecs})[0], 200)
            self.assertEqual(stack.api("GET", "/jobs/there")[1].get("ecs"), shown)


class Arrives(unittest.TestCase):
    """On Debian's model of ECS, with what it lacks merged in."""

    options, maxDiff = (), None

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(task_definitions=["many:main,side", "count"], clusters=[ECS_CLUSTER, "other"], aws_options=cls.options).__enter__()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.aws = cls.stack.aws
        cls.aws.task_definitions({"family": "cloud", "containers": ["main", "side"], "fargate": True, "volumes": ["data"]},
                                 {"family": "many", "containers": ["main", "side"]})
        cls.stack.start_webapid()
        cls.defaults = cls.stack.dir / "defaults.json"
        cls.defaults.write_text(json.dumps(DEFAULTS, indent=2))
        cls.settings = {"ECSS_ECS_DEFAULTS": f"@{cls.defaults}"}
        cls.scheduld = cls.stack.start_scheduld(**cls.settings)

    def post(self, job):
        status, answer = self.stack.api("POST", "/jobs", job)
        self.assertEqual((status, "warnings" in answer), (201, False), answer)

    def launches(self, family, count):
        """RunTasks of a family, at least so many, each of which ECS took for well-formed."""
        def enough():
            found = [call for call in self.aws.calls("RunTask") if call["body"]["taskDefinition"].partition(":")[0] == family]
            return found if len(found) >= count else None

        calls = self.aws.wait_until(enough, f"{count} RunTasks of {family}", 60)
        for call in calls:
            self.assertEqual((call["signature"], call["status"] in (200, None)), ("ok", True), call)
        return calls

    def run_of(self, job):
        return wait_until(f"a run of {job}", lambda: self.stack.sql(
            "SELECT id, to_char(fire_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM runs WHERE job_id = %s", [job]))[0]

    def containers(self, job, run, at, attempt):
        """CONTAINERS as RunTask gets them."""
        tag = {"name": "ECS_SCHEDULER_OVERRIDE_TAG", "value": job}
        main = {name: value for name, value in CONTAINERS[0].items() if name not in ("containerName", "environment", "command")}
        return [{"name": "main", **main, "command": ["run", f"--id={run}", "--attempt", attempt, ""], "environment": [
            {"name": "JOB", "value": job}, {"name": "AT", "value": at}, {"name": "PLAIN", "value": "ä \"{{x}}\""}, tag]},
            {"name": "side", "command": [], "environment": [tag]}]

    def test_all_that_goes_on_ec2_and_attempts(self):
        """The first call starts nothing for want of memory: the next attempt has a token and a number of its own."""
        self.aws.fault("RunTask", "failures", match={"taskDefinition": "many:1"}, count=1)
        self.post({"id": "on-ec2", "taskDefinition": "many", "schedule": once(int(time.time()) + 2), "ecs": EC2, "overrides": CONTAINERS})
        calls = self.launches("many", 2)
        run, at = self.run_of("on-ec2")
        options = {name: value for name, value in EC2.items() if name not in ("revision", "overrides")}
        for call, attempt in zip(calls, ("1", "2")):
            body = dict(call["body"])
            for container in body["overrides"]["containerOverrides"]:
                container["environment"].sort(key=lambda pair: ["JOB", "AT", "PLAIN", "ECS_SCHEDULER_OVERRIDE_TAG"].index(pair["name"]))
            self.assertRegex(body.pop("clientToken"), "^[0-9a-f]{40}$")
            self.assertEqual(body, {
                **options, "tags": DEFAULTS["tags"], "taskDefinition": "many:1", "startedBy": STARTED_BY, "count": 1,
                "overrides": {**EC2["overrides"], "containerOverrides": self.containers("on-ec2", run, at, attempt)}})
        self.assertEqual(len({call["body"]["clientToken"] for call in calls}), 2)
        shown = self.stack.api("GET", "/jobs/on-ec2")[1]
        kept = {**{name: value for name, value in EC2.items() if name != "overrides"}, **EC2["overrides"]}
        self.assertEqual((shown["ecs"], shown["overrides"]), (kept, CONTAINERS))

    def test_all_that_goes_on_fargate_and_repeats(self):
        """Answers are lost until scheduld is killed: the next one repeats the same bytes, and nothing is started twice."""
        self.aws.fault("RunTask", "reset", match={"taskDefinition": "cloud"}, effect=True)
        self.post({"id": "on-fargate", "taskDefinition": "cloud", "schedule": once(int(time.time()) + 2), "ecs": FARGATE,
                   "overrides": CONTAINERS[1:] + [{**CONTAINERS[0], "resourceRequirements": []}]})
        self.launches("cloud", 1)
        self.scheduld.kill()
        self.aws.clear_faults()
        lost = len(self.launches("cloud", 1))
        self.stack.api("PUT", "/jobs/on-fargate", {"ecs": None, "overrides": []})  # of no interest to a run that is planned
        self.defaults.write_text("{}")
        type(self).scheduld = self.stack.start_scheduld(**self.settings)
        calls = self.launches("cloud", lost + 1)
        self.assertEqual(len({json.dumps(call["body"]) for call in calls}), 1)
        self.assertEqual(sum(call["effect"] for call in calls), 1)
        wait_until("its task is on record", lambda: self.stack.sql("SELECT 1 FROM runs WHERE job_id = 'on-fargate' AND state = 'started'"
                                                                   " AND jsonb_array_length(tasks) = 1"))
        body = dict(calls[0]["body"])
        self.assertEqual({name: value for name, value in body["overrides"].items() if name != "containerOverrides"},
                         {name: FARGATE[name] for name in ("cpu", "memory", "ephemeralStorage")})
        for name in ("clientToken", "overrides"):
            del body[name]
        self.assertEqual(body, {
            **{name: FARGATE[name] for name in ("capacityProviderStrategy", "networkConfiguration", "platformVersion", "volumeConfigurations")},
            "tags": [*FARGATE["tags"], DEFAULTS["tags"][0]], "enableECSManagedTags": True, "cluster": ECS_CLUSTER,
            "taskDefinition": "cloud", "startedBy": STARTED_BY, "count": 1})

    def test_tasks_count_on_the_cluster_of_the_job(self):
        self.aws.start_tasks("count", 3, cluster=ECS_CLUSTER)
        self.post({"id": "far", "taskDefinition": "count", "schedule": FOREVER, "ecs": {"cluster": "other"}, "taskCount": 2})
        self.post({"id": "near", "taskDefinition": "count", "schedule": FOREVER, "taskCount": 4})

        def lists(cluster):
            return [call for call in self.aws.calls("ListTasks") if (call["body"]["family"], call["body"]["cluster"]) == ("count", cluster)]

        self.aws.wait_until(lambda: min(len(lists("other")), len(lists(ECS_CLUSTER))) >= 3, "three checks of each", 60)
        self.assertEqual(sorted((call["body"]["cluster"], call["body"]["count"]) for call in self.launches("count", 2)),
                         [("other", 2), (ECS_CLUSTER, 1)])
        for job in ("far", "near"):
            self.stack.api("DELETE", f"/jobs/{job}")


@unittest.skipUnless(newest_models(), "the newest models are not here")
class ArrivesNewest(Arrives):
    """On the newest model."""

    options = ("--models", str(newest_models()))

    test_tasks_count_on_the_cluster_of_the_job = None


if __name__ == "__main__":
    unittest.main()
