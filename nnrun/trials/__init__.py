"""Jobs become records: every trial is found or trained, once.

- ``forecast``: what jobs ask for, what of it there is, how long the rest takes.
- ``run``: find or train every trial, put every job together again.
- ``cache``: trained trials found again.
- ``shard``: a shard as a pure function; ``parcel``: the same as bytes, for a worker elsewhere.
- ``executors``: who trains the shards; ``cluster``: workers of a Dask cluster; ``scheduler``: the
  way to them.
- ``provenance``: command, versions, commit, processor, data.
- ``progress``: what is done and how far it is, said on a terminal; seconds by stage.
"""
