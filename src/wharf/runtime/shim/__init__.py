"""The process that stays with one container: it holds its stdio, writes its log, and records its end.

Standard library only, one thread, no asyncio: a shim is forked from the spawner and must cost less than 1 MiB. What is
done once, up to the running container, a short-lived child of it does (starter) and hands over; until there is
something to do after that, the shim sleeps in its first few pages.
"""
