"""From records to tables.

- ``judge``: trials judged by another target, or at points that several settings share.
- ``describe``: what tells the settings apart, and what each is called.
- ``tables``: from records to trials and curves.
"""
