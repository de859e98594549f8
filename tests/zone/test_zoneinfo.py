#!/usr/bin/python3
"""Each zone of the installed tzdata against Python's zoneinfo: both sides of every change of offset from 1900 to 2100,
and random instants up to 9999, from UTC to local time and back."""
import datetime
import itertools
import os
import pathlib
import random
import struct
import subprocess
import unittest
import zoneinfo

TZDUMP = pathlib.Path(os.environ["ECSS_BUILD_DIR"], "tests/zone/tzdump")
EPOCH = datetime.datetime(1970, 1, 1)
SECOND = datetime.timedelta(seconds=1)
RANDOM_INSTANTS, WEEK = 1000, 7 * 86400
FIRST, LAST = (int((datetime.datetime(year, 1, 1) - EPOCH) / SECOND) for year in (1900, 2101))
FAR = int((datetime.datetime(9999, 12, 30) - EPOCH) / SECOND)


def naive(seconds):
    return EPOCH + seconds * SECOND


def offset_at(zone, t):
    delta = datetime.datetime.fromtimestamp(t, zone).utcoffset()
    return delta.days * 86400 + delta.seconds


def stored_transitions(data):
    """The instants that the file lists, in its 64-bit block."""
    is_ut, is_std, leaps, times, types, names = struct.unpack(">6l", data[20:44])
    start = 44 + times * 5 + types * 6 + names + leaps * 8 + is_std + is_ut
    times = struct.unpack(">l", data[start + 32:start + 36])[0]
    return struct.unpack(f">{times}q", data[start + 44:start + 44 + 8 * times])


def changes(zone, data):
    """Where the offset changes: at an instant that the file lists, or between two Mondays."""
    found = {t for t in stored_transitions(data) if FIRST < t < LAST and offset_at(zone, t - 1) != offset_at(zone, t)}
    low, before = FIRST, offset_at(zone, FIRST)
    for high in range(FIRST + WEEK, LAST, WEEK):
        after = offset_at(zone, high)
        if after != before and not any(low < t <= high for t in found):
            a, b = low, high
            while b - a > 1:
                middle = (a + b) // 2
                a, b = (middle, b) if offset_at(zone, middle) == before else (a, middle)
            found.add(b)
        low, before = high, after
    return sorted(found)


def instants_of(zone, local):
    """The definition: every offset around, and whether the clock really shows the reading then."""
    around = {offset_at(zone, local + hours * 3600) for hours in (-30, -26, 26, 30)} | {
        int(naive(local).replace(tzinfo=zone, fold=fold).utcoffset() / SECOND) for fold in (0, 1)}
    found = sorted({local - o for o in around if offset_at(zone, local - o) == o})
    if found:
        return f"{min(len(found), 2)} {found[0]} {found[-1]}"
    # PEP 495: in a gap, fold=0 gives the offset before.
    shifted = local - int(naive(local).replace(tzinfo=zone, fold=0).utcoffset() / SECOND)
    return f"0 {shifted} {shifted}"


class Zone:
    """One zone: what is asked about it, and whether the answers are right."""

    def __init__(self, name, path, data, seed):
        self.name, self.path, self.zone = name, path, zoneinfo.ZoneInfo(name)
        self.changes = at = changes(self.zone, data)
        rng = random.Random(seed)
        self.instants = [t + d for t in at for d in (-1, 0, 1)]
        self.instants += [rng.randrange(FIRST, LAST) for _ in range(RANDOM_INSTANTS)]
        self.instants += [rng.randrange(LAST, FAR) for _ in range(20)]
        edges = [t + offset_at(self.zone, t + d) for t in at for d in (-1, 0)]
        self.locals = [t + d for t in edges for d in (-1, 0, 1)]
        self.locals += [t + offset_at(self.zone, t) for t in self.instants[-RANDOM_INSTANTS // 4:]]

    def questions(self):
        return [f"u {t}" for t in self.instants] + [f"l {t}" for t in self.locals]

    def check(self, case, answers):
        edges = set()
        for t, answer in zip(self.instants, answers):
            offset, begin, end = map(int, answer.split())
            case.assertEqual(offset, offset_at(self.zone, t), f"{self.name}: at {t}")
            case.assertTrue(begin <= t < end, f"{self.name}: at {t}: {answer}")
            edges |= {begin, end}
        case.assertFalse([t for t in self.changes if t not in edges], f"{self.name}: edges of spans are the changes")
        for local, answer in zip(self.locals, answers[len(self.instants):]):
            case.assertEqual(answer, instants_of(self.zone, local), f"{self.name}: {naive(local)}")


class Zones(unittest.TestCase):
    def test_every_zone(self):
        names = sorted(zoneinfo.available_timezones())
        self.assertGreater(len(names), 400)
        zones, seen = [], set()
        for seed, name in enumerate(names):
            path = next(p for root in zoneinfo.TZPATH if (p := pathlib.Path(root, name)).is_file())
            data = path.read_bytes()
            if data not in seen:  # else another name of a zone that is there
                seen.add(data)
                zones.append(Zone(name, path, data, seed))
        lines = [line for zone in zones for line in (f"f {zone.path}", *zone.questions())]
        told = subprocess.run([TZDUMP], input="\n".join(lines) + "\n", capture_output=True, text=True)
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        answers = iter(told.stdout.splitlines())
        for zone in zones:
            zone.check(self, list(itertools.islice(answers, len(zone.instants) + len(zone.locals))))
        self.assertEqual(list(answers), [])
        print(f"{len(names)} names, {len(zones)} different zones")


if __name__ == "__main__":
    unittest.main()
