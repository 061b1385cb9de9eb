"""Power cuts: an engine works in a virtual machine, the power goes, and after a boot nothing promised is missing.

`make test-power`. The machine's data disk forgets what was not flushed (disk.py). In the machine a client works, and
tells what it begins and what was acknowledged (work.py); outside, that is compared with what is there after the next
boot (ledger.py).
"""
