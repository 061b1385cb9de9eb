#!/bin/sh
# In the virtual machine: runs what the kernel's command line says, tells its status on the second serial line, and
# switches the machine off.
export PATH=/opt/wharf/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

if [ $$ = 1 ]; then
    # What systemd would have done; the initial file system has left us /proc, /sys, /dev and /run.
    exec </dev/ttyS0 >/dev/ttyS0 2>&1
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts /dev/pts
    mount -t tmpfs shm /dev/shm
    mount -t securityfs security /sys/kernel/security
    mount -t cgroup2 cgroup /sys/fs/cgroup
    for name in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$name" >/sys/fs/cgroup/cgroup.subtree_control
    done
fi
modprobe -a loop fuse
if [ $$ != 1 ]; then export WHARF_TEST_CGROUP_DRIVER=systemd; fi
export WHARF_TEST_PATIENCE=6 WHARF_TEST_VM=1
hostname machine
ip link set lo up
cd /wharf || exit 1
sh -c "$(sed -n 's/.*wharf\.run=\([^ ]*\).*/\1/p' /proc/cmdline | base64 -d)"
status=$?
if [ $$ != 1 ] && [ $status = 75 ]; then
    # The tests go on after a restart, for which all that runs is to end in order.
    systemctl reboot
    exec sleep infinity
fi
echo $status >/dev/ttyS1
sync
[ $$ = 1 ] || exec systemctl poweroff --force --force
echo o >/proc/sysrq-trigger
sleep 60
