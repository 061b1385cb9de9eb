"""`make bench`: wharfd side by side with Debian's dockerd, in the same run on the same machine."""
