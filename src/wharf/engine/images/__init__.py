"""Images: their records, names and ways in and out (pull, load, import, save).

It owns the tables images and tags, and marks what in `content` and `snapshots` is still needed.
"""
