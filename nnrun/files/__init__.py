"""Files, whoever wrote them: read with care, and written whole or not at all.

- ``atomic``: files written under another name and renamed.
- ``lock``: who writes into a folder.
"""
