"""Writes random transactions into a file, as a script in another language does. Arguments: the file, a seed, how many."""

import random
import sqlite3
import sys

path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
choose = random.Random(seed)
db = sqlite3.connect(path, timeout=60, isolation_level=None)
db.execute("PRAGMA recursive_triggers = ON")
# Killed is only who follows; without waiting for the disk there are more transactions.
db.execute("PRAGMA synchronous = OFF")


def value():
    return choose.choice([None, 0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 1.5, float("inf"), "", "text", "ä漢😀", b"", b"\x00\xff", "x" * 3000])


def write():
    key = choose.randrange(40)
    kind = choose.randrange(7)
    if kind == 0:
        db.execute("INSERT OR IGNORE INTO kept (id, a, b) VALUES (?, ?, ?)", (key, value(), value()))
    elif kind == 1:
        db.execute("REPLACE INTO kept (id, a, b) VALUES (?, ?, ?)", (key, value(), choose.randrange(60)))
    elif kind == 2:
        db.execute("UPDATE kept SET a = ? WHERE id BETWEEN ? AND ?", (value(), key, key + 5))
    elif kind == 3:
        db.execute("DELETE FROM kept WHERE id = ?", (key,))
    elif kind == 4:
        db.execute("INSERT OR REPLACE INTO pair VALUES (?, ?, ?)", (str(key % 7), key % 5, value()))
    elif kind == 5:
        db.execute("INSERT INTO bare VALUES (?, ?)", (value(), key))
    else:
        db.execute("DELETE FROM bare WHERE y = ?", (key,))


for _ in range(count):
    if choose.random() < 0.3:
        write()
        continue
    db.execute("BEGIN IMMEDIATE")
    for _ in range(choose.randrange(1, 8)):
        if choose.random() < 0.2:
            db.execute("SAVEPOINT s")
            write()
            db.execute("ROLLBACK TO s")
            db.execute("RELEASE s")
        else:
            write()
    db.execute("ROLLBACK" if choose.random() < 0.2 else "COMMIT")
