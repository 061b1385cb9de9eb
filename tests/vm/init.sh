#!/bin/sh
# In the virtual machine, as process 1 or as the one service of systemd: unpacks the project from the second disk and
# goes on there. It is part of the disk's image, so what changes more often is in guest.sh.
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /wharf
tar -x -f /dev/vdb -C /wharf
exec sh /wharf/tests/vm/guest.sh
