"""One launch over a grid of settings.

- ``run``: from jobs to finished jobs: group, shard, train, put together again.
- ``executors``: who trains the shards.
- ``store``: records: a finished job on disk, written atomically.
- ``tables``: from records to trials and curves.
- ``interrupt``: Ctrl-C at a safe place.
- ``provenance``: command, versions, commit, processor.
- ``progress``: a live bar on a terminal, plain lines elsewhere.
"""
