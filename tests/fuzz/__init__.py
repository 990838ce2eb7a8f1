"""A fuzzer of command lines: ``python -m tests.fuzz --lines 10000 --seed 1 --workers 2``.

- ``vocabulary``: what lines are made of: every key, group, option, flag and study, nasty values.
- ``lines``: a line from a seed and a number, the same one each time.
- ``start``: a line in a forked process and a folder of its own.
- ``judge``: what no line may do.
- ``known``: lines that once did, with the words that they must be answered with.
"""
