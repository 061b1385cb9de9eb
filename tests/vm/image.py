"""The disk of the virtual machine: a Debian with what the tests need, made once and kept in build/vm."""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2]
KEPT: Final = SOURCE / "build/vm"
INIT: Final = Path(__file__).parent / "init.sh"
SUITE: Final = "bookworm"
PYTHON: Final = "3.11"  # of that suite
PACKAGES: Final = (
    *("linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "dbus", "kmod", "udev"),
    *("python3", "python3-venv", "busybox-static", "crun", "runc", "docker.io"),
    *("libnftables1", "libseccomp2", "nftables", "iproute2", "procps", "util-linux", "e2fsprogs"),
    *("xfsprogs", "apparmor", "nfs-kernel-server", "samba"),
)
#: All that the kernel needs before it has its disk.
MODULES: Final = ("virtio_pci", "virtio_blk", "ext4")
WHEELS: Final = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64")
DISK_SIZE: Final = "4G"  # it is sparse


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine boots from."""

    kernel: Path
    initrd: Path
    disk: Path


def image() -> Image:
    """The image, made where there is none for the present recipe. Needs root, and some minutes of the network."""
    place = KEPT / _recipe()
    if not (place / "disk.img").exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        place.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=place) as root:
            _build(Path(root) / "root", place)
    return Image(place / "vmlinuz", place / "initrd", place / "disk.img")


def _recipe() -> str:
    """A name that changes with all that the image is made of."""
    parts = (Path(__file__), INIT, SOURCE / "requirements/dev.lock")
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def _build(root: Path, place: Path) -> None:
    print(f"Making the machine's disk in {place} (once)", flush=True)
    modules = "\\n".join(MODULES)
    for_initrd = f'd="$1/etc/initramfs-tools"; mkdir -p "$d/conf.d"; printf "{modules}\\n" >"$d/modules"'
    _run(
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f'--essential-hook={for_initrd}; echo MODULES=list >"$d/conf.d/modules"',
        SUITE,
        str(root),
    )
    _install_python(root)
    _install_init(root)
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), place / "vmlinuz")
    shutil.copy(next((root / "boot").glob("initrd.img-*")), place / "initrd")
    shutil.rmtree(root / "boot")
    unfinished = place / "disk.tmp"
    _run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(unfinished), DISK_SIZE)
    unfinished.rename(place / "disk.img")


def _install_python(root: Path) -> None:
    """The locked dependencies, and the commands of this project, which find its source where init.sh unpacks it."""
    environment = root / "opt/wharf"
    packages = environment / f"lib/python{PYTHON}/site-packages"
    _run("chroot", str(root), "python3", "-m", "venv", "--without-pip", "/opt/wharf")
    _run(
        *(str(SOURCE / ".venv/bin/pip"), "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"),
        *("--implementation=cp", f"--python-version={PYTHON}", *(f"--platform={name}" for name in WHEELS)),
        *("--require-hashes", "-r", str(SOURCE / "requirements/dev.lock"), "--target", str(packages)),
    )
    (packages / "wharf.pth").write_text("/wharf/src\n")
    _run("chroot", str(root), "python3", "-m", "compileall", "-q", f"/{packages.relative_to(root)}")
    for name, module in (("wharfd", "wharf.daemon.main"), ("wharf", "wharf.cli.main")):
        command = environment / "bin" / name
        command.write_text(f"#!/opt/wharf/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        command.chmod(0o755)


def _install_init(root: Path) -> None:
    """Our program as the first process, or as the one service that systemd starts."""
    program = root / "opt/wharf/init.sh"
    shutil.copy(INIT, program)
    program.chmod(0o755)
    (root / "etc/systemd/system/wharf-tests.service").write_text(
        "[Unit]\nRequires=dbus.service\nAfter=dbus.service\n[Service]\nType=oneshot\nExecStart=/opt/wharf/init.sh\n"
        "StandardOutput=tty\nTTYPath=/dev/ttyS0\nDelegate=yes\nTimeoutStartSec=infinity\n"
    )
    (root / "etc/fstab").write_text("/dev/vda / ext4 rw,noatime 0 0\n")
    # The tests start daemons of their own.
    for unit in ("docker.service", "docker.socket", "containerd.service"):
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
