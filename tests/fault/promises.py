"""What those who edit were told, pure: an edit that was acknowledged is in the table, a job that was deleted is not. Of an
edit that failed nobody knows what became of it, nor when: a statement that was given up may still come to pass, after
others that came later. So it may be in the table from then on, or not.
"""
import collections


class Promises:
    def __init__(self):
        self.told = {}  # job: {column: value}
        self.open = collections.defaultdict(list)  # (job, column): values that may be there, too
        self.gone, self.perhaps_gone = set(), set()

    def made(self, job, row):
        self.told[job] = dict(row)

    def changed(self, job, row, known):
        if known:
            self.told[job].update(row)
            return
        for column, value in row.items():
            self.open[job, column].append(value)

    def removed(self, job, known):
        if known:
            del self.told[job]
            self.gone.add(job)
        else:
            self.perhaps_gone.add(job)

    def broken(self, table):
        """table: {job: {column: value}}, as it is now. A sentence for each promise that is not kept."""
        said = [f"{job} is there, and was deleted" for job in sorted(self.gone & set(table))]
        for job, row in sorted(self.told.items()):
            if job in table:
                said += [f"{job} has {column} {table[job][column]!r}, and {value!r} was acknowledged"
                         for column, value in sorted(row.items())
                         if table[job][column] not in (value, *self.open[job, column])]
            elif job not in self.perhaps_gone:
                said.append(f"{job} is not there, and nobody deleted it")
        return said
