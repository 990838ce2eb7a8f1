"""What a sweep found.

- ``tabulate``: from records to tables.
- ``results``: tables and all that is computed from them; read back from a sweep's folder.
"""
