#!/bin/sh
# Installs the system packages that `run`, `dev` or `vm` needs and that are missing. Starts no service.
set -eu

kind=$1
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
missing=

have() { command -v "$1" >/dev/null 2>&1; }
need() { missing="$missing $1"; }
library() { [ -n "$(ls /lib/*/"$1" /usr/lib/*/"$1" /lib/"$1" /usr/lib/"$1" 2>/dev/null)" ]; }

have python3 || need python3
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
have crun || have runc || need crun
library libnftables.so.1 || need libnftables1
library libseccomp.so.2 || need libseccomp2
have docker-init || have tini-static || have catatonit || need catatonit  # for --init
have busybox || need busybox-static
# The image is made from it, so a busybox that needs libraries is no use.
if have busybox && ldd "$(command -v busybox)" >/dev/null 2>&1; then need busybox-static; fi

if [ "$kind" = dev ]; then
    have dockerd || need docker.io
    have docker || need docker-cli-or-io
    have runc || need runc
    have skopeo || need skopeo
    have docker-registry || need docker-registry
    have mmdebstrap || need mmdebstrap
    have nft || need nftables
    have ip || need iproute2
    have nsenter || need util-linux
    have dnsmasq || need dnsmasq-base
    have dig || need bind9-dnsutils
    have mkfs.ext4 || need e2fsprogs
    have mkfs.btrfs || need btrfs-progs
    have dbus-daemon || need dbus-daemon
    have firewalld || need firewalld
    have ufw || need ufw
    have cc || need gcc
    have cc && echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1 || need libc6-dev
fi

if [ "$kind" = vm ]; then
    have qemu-system-x86_64 || need qemu-system-x86
    have mmdebstrap || need mmdebstrap
    have mke2fs || need e2fsprogs
fi

if [ -n "$missing" ]; then
    if ! have apt-get; then
        echo "These are missing and there is no apt-get to install them:$missing" >&2
        exit 1
    fi
    # Debian 13 has the docker command in a package of its own, others have it in docker.io.
    case $missing in *docker-cli-or-io*)
        $as_root apt-get update -qq
        if apt-cache show docker-cli >/dev/null 2>&1; then cli=docker-cli; else cli=docker.io; fi
        missing=$(echo "$missing" | sed "s/docker-cli-or-io/$cli/") ;;
    esac
    echo "Installing:$missing"
    # Neither dockerd nor the registry shall run: the tests start their own, away from the machine's network.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
        trap '$as_root rm -f $policy' EXIT
        trap 'exit 1' HUP INT TERM
    fi
    install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends"
    # shellcheck disable=SC2086
    $install $missing >/dev/null || { $as_root apt-get update -qq && $install $missing >/dev/null; }
    # Nor shall the machine have another firewall after its next start.
    case $missing in *firewalld*) $as_root systemctl disable firewalld >/dev/null 2>&1 || true ;; esac
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; python3 is $(python3 --version)" >&2
    exit 1
}
