"""Fuzzers of whole commands; each says what fails as it comes, and goes on.

``python -m tests.fuzz --lines 10000 --seed 1 --workers 2`` tries command lines:

- ``vocabulary``: what lines are made of: every key, group, option, flag and study, nasty values.
- ``lines``: a line from a seed and a number, the same one each time.
- ``commands``: lines of the commands beside ``python -m nnrun``.
- ``start``: a line in a forked process and a folder of its own.
- ``judge``: what no line may do.
- ``known``: lines that once did, with the words that they must be answered with.

``python -m tests.fuzz.corruptions --count 300 --seed 1`` damages a file of a sweep and reads it:

- ``damage``: ways to damage a file: its bytes, what stands in its place, its arrays, its JSON.
- ``corruptions``: which commands read which file, and what they may not do.

``python -m tests.fuzz.signals`` and ``.kills`` end sweeps at any moment.
"""
