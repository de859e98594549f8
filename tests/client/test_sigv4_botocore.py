#!/usr/bin/python3
"""Random requests signed by scheduld's signer, each judged by Debian's botocore, which signs the same request.

Also: tests/data/sigv4-vectors.jsonl is what botocore signs today.

Usage: test_sigv4_botocore.py [--count N] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from botocore_sigv4 import Request, sign

HERE = Path(__file__).resolve().parent
PROGRAM = Path(os.environ.get("ECSS_BUILD_DIR", HERE.parents[1] / "build" / "dev")) / "tests" / "client" / "sign"

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
PRINTABLE = "".join(map(chr, range(32, 127)))
# What may be on a request line as it is; '%' comes in escapes only.
PATH = LETTERS + "-._~!$&'()*+,;=:@"


def text(rng: random.Random, alphabet: str, least: int, most: int) -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(least, most)))


def path(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randint(0, 6)):
        parts.append(rng.choice([
            ".", "..", "", text(rng, PATH, 1, 12), quote(text(rng, PRINTABLE + "äß世🌍", 1, 8), safe="")]))
    made = "/" + "/".join(parts)
    # Two slashes at the start would be a host for Python's urlsplit().
    return "/" + made.lstrip("/") if made.startswith("//") else made


def query(rng: random.Random) -> str:
    """In canonical escapes: botocore takes a query in the URL for such."""
    def word(least: int) -> str:
        return quote(text(rng, rng.choice([LETTERS, PRINTABLE, "ab", "äß世🌍"]), least, 8), safe="-_.~")
    return "&".join(f"{word(1)}={word(0)}" for _ in range(rng.randint(0, 8)))


def headers(rng: random.Random) -> list[list[str]]:
    made = [["Host", rng.choice(["ecs.us-east-1.amazonaws.com", "127.0.0.1:40001", "[::1]:80", "UPPER.example"])]]
    for _ in range(rng.randint(0, 10)):
        name = rng.choice(["Content-Type", "X-Amz-Target", "X-Amz-Meta-" + text(rng, LETTERS, 0, 4), "Accept",
                           "User-Agent", "Expect", "X-Amzn-Trace-Id", text(rng, LETTERS + "-", 1, 10)])
        if name.lower() in ("host", "date", "x-amz-date", "x-amz-security-token", "authorization", "connection",
                            "x-amz-content-sha256", "transfer-encoding", "accept-encoding"):
            continue
        made.append([name, text(rng, PRINTABLE + "  \t", 0, 40)])
    first, rest = made[0], made[1:]
    rng.shuffle(rest)
    return [first, *rest]


def request(rng: random.Random) -> Request:
    return {
        "name": "random", "method": rng.choice(["POST", "POST", "GET", "PUT", "DELETE", "HEAD", "PATCH"]),
        "path": rng.choice(["/", path(rng)]), "query": rng.choice(["", query(rng)]), "headers": headers(rng),
        "body": rng.randbytes(rng.choice([0, 0, 1, 55, 56, 64, rng.randint(0, 3000)])).hex(),
        "at": rng.choice([rng.randint(0, 4102444800), 86400 * rng.randint(0, 40000)]),
        "region": rng.choice(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", text(rng, LETTERS, 1, 20)]),
        "service": rng.choice(["ecs", "sqs", "sts", "execute-api"]),
        "access_key_id": rng.choice(["AKIDEXAMPLE", text(rng, LETTERS, 16, 32)]),
        "secret": rng.choice(["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", text(rng, LETTERS + "/+=", 1, 100)]),
        "token": rng.choice([None, text(rng, LETTERS + "/+=", 1, 1000)])}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    subprocess.run([sys.executable, "-B", str(HERE / "make_sigv4_vectors.py"), "--check"], check=True)
    rng = random.Random(options.seed)
    requests = [request(rng) for _ in range(options.count)]
    made = subprocess.run([PROGRAM], input="".join(json.dumps(each) + "\n" for each in requests), text=True,
                          stdout=subprocess.PIPE, check=True).stdout.splitlines()
    if len(made) != len(requests):
        print(f"{len(made)} signatures for {len(requests)} requests", file=sys.stderr)
        return 1
    wrong = 0
    for each, line in zip(requests, made):
        expected = sign(each)
        if line == f"{expected['amz_date']} {expected['authorization']}":
            continue
        wrong += 1
        if wrong <= 5:
            print(f"request  {json.dumps(each)}\nbotocore {expected['authorization']}\nours     {line}\n"
                  f"{expected['canonical']}", file=sys.stderr)
    print(f"{len(requests) - wrong} of {len(requests)} random requests (seed {options.seed}) are signed as botocore does")
    return 1 if wrong or not requests else 0


if __name__ == "__main__":
    sys.exit(main())
