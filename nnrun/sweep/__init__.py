"""One launch over a grid of settings.

- ``todo``: what jobs ask for, what of it there is, how long the rest takes.
- ``run``: from jobs to finished jobs: find or train every trial, put every job together again.
- ``gather``: trained trials until their settings are done; settings that raise.
- ``block``, ``blockfile``, ``cache``: trained trials in memory, on disk, and found again.
- ``executors``: who trains the shards.
- ``store``: records: a finished job on disk, written atomically.
- ``judge``: trials judged by another target, or at points that several settings share.
- ``describe``: what tells the settings apart, and what each is called.
- ``tables``: from records to trials and curves.
- ``provenance``: command, versions, commit, processor, version of the numerics.
- ``progress``: a live bar on a terminal, plain lines elsewhere.
"""
