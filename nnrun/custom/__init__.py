"""A user's own components: classes named by ``_target_: my_module.MyThing``.

A component subclasses the base class of its kind and is a frozen dataclass, so that its fields are
configuration keys like those of ours. It is tried on a few numbers before anything trains: what is
wrong with it is said by its name, while nothing is lost.

- ``component``: importing the class, and refusing what is none. Only a user's configuration has
  modules imported; for those that a record names the user has to vouch.
- ``source``: what its code is, for the cache.
- ``trial``: trying it.
"""

from nnrun.custom.component import BASES, TARGET, admit, component, naming
from nnrun.custom.source import digest, is_custom
from nnrun.custom.trial import require_flat_state, tried

__all__ = [
    "BASES",
    "TARGET",
    "admit",
    "component",
    "digest",
    "is_custom",
    "naming",
    "require_flat_state",
    "tried",
]
