"""Which system calls a container may make. Pure: profiles are the `linux.seccomp` object of config.json.

What no rule allows fails with EPERM. The default lets ordinary programs work and refuses what reaches the host: new
user namespaces, mounts, kernel keys, modules, BPF, tracing of the kernel, clocks. Capabilities open
what they stand for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Literal

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.unreadable import UNREADABLE

_EPERM: Final = 1
_ENOSYS: Final = 38
#: CLONE_NEW* for clone(2)'s first argument, without the time namespace, which clone cannot make.
_NEW_NAMESPACES: Final = 0x7E020000
_AF_VSOCK: Final = 40

_FILES: Final = """
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
    fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
    ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat ioctl lchown lchown32
    lgetxattr link linkat listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
    mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64
    pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename renameat
    renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink
    symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat
    utimensat_time64 utimes vmsplice write writev
"""
_EVENTS: Final = """
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel
    io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll
    ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64
"""
_MEMORY: Final = """
    brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall
    mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_mrelease remap_file_pages
"""
_PROCESSES: Final = """
    alarm capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait
    futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32 getgid
    getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid getresgid32
    getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill pause
    pidfd_open pidfd_send_signal pipe pipe2 prctl prlimit64 restart_syscall rseq rt_sigaction rt_sigpending
    rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
    rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
    sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address
    setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority
    setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid
    setuid32 sigaltstack sigprocmask sigreturn tgkill times tkill ugetrlimit uname vfork wait4 waitid waitpid
"""
_SOCKETS: Final = """
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
"""
_IPC: Final = """
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt
    shmget
"""
#: Reading clocks; setting them needs CAP_SYS_TIME, which the kernel asks for itself in adjtimex and clock_adjtime.
_TIME: Final = """
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep sysinfo time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
"""
#: A process may give up rights; none of these can gain any.
_CONFINEMENT: Final = "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp getrandom"

#: Calls that only ask the kernel, inside the container's own mount namespace.
_MOUNT_QUERIES: Final = "listmount statmount"

_BY_ARCHITECTURE: Final[Mapping[str, str]] = {
    "x86_64": "arch_prctl modify_ldt",
    "aarch64": "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
}
_SUB_ARCHITECTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}
#: What each capability stands for. The kernel would refuse these without it; so do we, one bug earlier.
_BY_CAPABILITY: Final[Mapping[str, str]] = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_ADMIN": (
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount"
        " open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"
    ),
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}
#: Before this version a traced process could slip past its own filter.
_SAFE_PTRACE: Final = (4, 8)
#: PER_LINUX, PER_LINUX32, with and without UNAME26, and the question which one is set.
_PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)


def default_profile(
    capabilities: AbstractSet[str], *, architecture: str = "x86_64", kernel: tuple[int, int] = (5, 10)
) -> dict[str, Any]:
    """The default for a container with these capabilities, on a machine as os.uname() calls it."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": list(_SUB_ARCHITECTURES.get(architecture, ())),
        "syscalls": list(_default_rules(capabilities, architecture, kernel)),
    }


def _default_rules(
    capabilities: AbstractSet[str], architecture: str, kernel: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    groups = (_FILES, _EVENTS, _MEMORY, _PROCESSES, _SOCKETS, _IPC, _TIME, _CONFINEMENT, _MOUNT_QUERIES)
    names = {name for group in groups for name in group.split()}
    names.update(_BY_ARCHITECTURE.get(architecture, "").split())
    for capability in capabilities:
        names.update(_BY_CAPABILITY.get(capability, "").split())
    if kernel >= _SAFE_PTRACE:
        # Only processes of the same container and user can be reached; debuggers need it.
        names.update(("ptrace", "process_vm_readv", "process_vm_writev"))
    yield _allow(sorted(names))
    for value in _PERSONALITIES:
        yield _allow(["personality"], _argument(0, "SCMP_CMP_EQ", value))
    # Sockets to the hypervisor would pass by the network namespace.
    yield _allow(["socket"], _argument(0, "SCMP_CMP_NE", _AF_VSOCK))
    if "CAP_SYS_ADMIN" not in capabilities:
        yield _allow(["clone"], _argument(0, "SCMP_CMP_MASKED_EQ", _NEW_NAMESPACES, 0))
        # Its flags are in memory, where a filter cannot look. ENOSYS makes C libraries fall back to clone.
        yield {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS}


def _allow(names: Sequence[str], *arguments: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": list(names), "action": "SCMP_ACT_ALLOW"}
    return rule | {"args": list(arguments)} if arguments else rule


def _argument(index: int, operator: str, value: int, second: int = 0) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": second, "op": operator}


_Action = Literal[
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
]
_Operator = Literal[
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
]
#: The 16 bits that a filter's answer has for it.
_Errno = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
#: A system call has six arguments of 64 bits.
_Index = Annotated[int, msgspec.Meta(ge=0, le=5)]
_Value = Annotated[int, msgspec.Meta(ge=0)]
_LARGEST_VALUE: Final = (1 << 64) - 1


class _Condition(msgspec.Struct):
    caps: list[str] = []
    arches: list[str] = []
    min_kernel: str = msgspec.field(name="minKernel", default="")


class _Argument(msgspec.Struct):
    index: _Index
    value: _Value
    op: _Operator
    value_two: _Value = msgspec.field(name="valueTwo", default=0)

    def __post_init__(self) -> None:
        # More than a constraint of the decoder can say.
        if max(self.value, self.value_two) > _LARGEST_VALUE:
            raise ValueError(f"a value is larger than {_LARGEST_VALUE}")


_Flag = Literal[
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
]


class _Rule(msgspec.Struct):
    action: _Action
    name: str = ""
    names: list[str] = []
    args: list[_Argument] | None = None
    errno: _Errno | None = msgspec.field(name="errnoRet", default=None)
    includes: _Condition = msgspec.field(default_factory=_Condition)
    excludes: _Condition = msgspec.field(default_factory=_Condition)


class _Architectures(msgspec.Struct):
    architecture: str
    others: list[str] | None = msgspec.field(name="subArchitectures", default=None)


class _Profile(msgspec.Struct):
    default_action: _Action = msgspec.field(name="defaultAction")
    default_errno: _Errno | None = msgspec.field(name="defaultErrnoRet", default=None)
    architectures: list[str] | None = None
    arch_map: list[_Architectures] | None = msgspec.field(name="archMap", default=None)
    syscalls: list[_Rule] | None = None
    flags: list[_Flag] | None = None
    listener_path: str = msgspec.field(name="listenerPath", default="")
    listener_metadata: str = msgspec.field(name="listenerMetadata", default="")


_DOCKER_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def parse_profile(
    text: str | bytes,
    capabilities: AbstractSet[str],
    *,
    architecture: str = "x86_64",
    kernel: tuple[int, int] = (5, 10),
) -> dict[str, Any]:
    """A user's profile, in the form that Docker's `--security-opt seccomp=FILE` takes, for one container.

    Raises InvalidArgument for what is no profile.
    """
    try:
        profile = msgspec.json.decode(text, type=_Profile)
    except UNREADABLE as error:
        raise InvalidArgument(f"Decoding seccomp profile failed: {error}") from None
    if profile.architectures and profile.arch_map:
        raise InvalidArgument("'architectures' and 'archMap' were specified in the seccomp profile, use either one")
    own = _SUB_ARCHITECTURES.get(architecture, ())
    architectures = list(profile.architectures or ())
    for entry in profile.arch_map or ():
        if own and entry.architecture == own[0]:
            architectures += [entry.architecture, *(entry.others or ())]
    result: dict[str, Any] = {"defaultAction": profile.default_action, "architectures": architectures}
    if profile.default_errno is not None:
        result["defaultErrnoRet"] = profile.default_errno
    result["syscalls"] = [
        _plain(rule)
        for rule in profile.syscalls or ()
        if _applies(rule, capabilities, _DOCKER_ARCHITECTURES.get(architecture, architecture), kernel)
    ]
    if profile.flags:
        result["flags"] = profile.flags
    if profile.listener_path:
        result |= {"listenerPath": profile.listener_path, "listenerMetadata": profile.listener_metadata}
    return result


def needs_runtime(profile: Mapping[str, Any]) -> bool:
    """Whether it says more than a filter can: then the OCI runtime has to make the filter itself."""
    return "flags" in profile or "listenerPath" in profile


def _applies(rule: _Rule, capabilities: AbstractSet[str], architecture: str, kernel: tuple[int, int]) -> bool:
    include, exclude = rule.includes, rule.excludes
    if any(name in capabilities for name in exclude.caps) or architecture in exclude.arches:
        return False
    if exclude.min_kernel and kernel >= _version(exclude.min_kernel):
        return False
    if include.arches and architecture not in include.arches:
        return False
    if include.min_kernel and kernel < _version(include.min_kernel):
        return False
    return all(name in capabilities for name in include.caps)


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    if found is None:
        raise InvalidArgument(f"invalid kernel version in the seccomp profile: {text!r}")
    return int(found[1]), int(found[2])


def _plain(rule: _Rule) -> dict[str, Any]:
    plain: dict[str, Any] = {"names": rule.names or [rule.name], "action": rule.action}
    if rule.args:
        plain["args"] = [_argument(one.index, one.op, one.value, one.value_two) for one in rule.args]
    if rule.errno is not None:
        plain["errnoRet"] = rule.errno
    return plain
