"""How much of what was freed the C library keeps. Each in a process of its own, whose memory nobody else uses."""

import subprocess
import sys

#: Memory that comes from the C library: Python's own allocator takes what is smaller.
BLOCK = 4000


def run(code: str) -> list[int]:
    """The numbers that it prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def test_free_pages_are_given_back() -> None:
    before, kept, after = run(f"""
from wharf.linux import allocation
def resident():
    text = open("/proc/self/smaps_rollup").read()
    return int(text.split("Rss:")[1].split()[0])
print(resident())
blocks = [bytearray({BLOCK}) for _ in range(5000)]
last = bytearray({BLOCK})  # above them all: what is below cannot go by itself
del blocks
print(resident())
allocation.give_back()
print(resident())
""")
    size = 5000 * BLOCK // 1024
    assert kept - before > size // 2
    assert kept - after > size // 2


def test_threads_share_one_arena() -> None:
    counting = f"""
import ctypes, pathlib, tempfile, threading
from wharf.linux import allocation
%s
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
def work():
    kept = [bytearray({BLOCK}) for _ in range(10)]
    both.wait()
both = threading.Barrier(4)
threads = [threading.Thread(target=work) for _ in range(3)]
for one in threads: one.start()
both.wait()
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(pathlib.Path(file.name).read_text().count("<heap nr="))
"""
    assert run(counting % "") > [1]
    assert run(counting % "allocation.use_one_arena()") == [1]
