"""The figures of a sweep, one a file, each named as ``nnrun.plot`` names it: axis in, axis out."""
