"""A SLURM with two nodes on this machine, for the time of a test; needs root."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent

CONFIGURATION = """
ClusterName=ci
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=6817
SrunPortRange=60001-60063
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a job that is queued again waits until its credential has expired
AuthInfo=socket={folder}/munge.socket,cred_expire=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=5,bf_interval=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=86400
JobRequeue=1
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[6821-6822] CPUs=4 Boards=1 \
SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
PartitionName=ci Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """Daemons that are started by hand, and commands for them.

    Parameters
    ----------
    folder : Path
        Where configuration, logs and state go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{HERE}:{os.environ['PATH']}",  # for sacct
        }

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle."""
        for name in ("state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir(parents=True)
        host = subprocess.run(["hostname", "-s"], capture_output=True, text=True, check=True)
        text = CONFIGURATION.format(folder=self.folder, host=host.stdout.strip())
        (self.folder / "slurm.conf").write_text(text)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{name}={self.folder}/munge.{end}" for name, end in files.items()]
        self._daemon("munged", "--foreground", f"--key-file={key}", *options)
        wait_until(lambda: (self.folder / "munge.socket").exists(), "munged", 20)
        self._daemon("slurmctld", "-D")
        for node in ("n1", "n2"):
            self.start_node(node)
        wait_until(
            lambda: self.ask("sinfo", "-h", "-N", "-o", "%T").split() == 2 * ["idle"], "nodes"
        )

    def start_node(self, node: str) -> None:
        """Start a node."""
        self._daemon("slurmd", "-D", "-N", node, name=node)

    def kill_node(self, node: str) -> None:
        """Lose a node: its daemon dies, and SLURM is told so. What runs there goes on."""
        self._running.pop(node).kill()
        self.ask("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")

    def stop(self) -> None:
        """Cancel all jobs and stop all daemons."""
        self.ask("scancel", "--user=root")
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def ask(self, *command: str) -> str:
        """Output of a command of SLURM; empty while the daemons do not answer."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def _daemon(self, *command: str, name: str = "") -> None:
        name = name or command[0]
        with (self.folder / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )


def workers(text: str) -> list[int]:
    """Processes of array jobs whose command line or environment has a text in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
            variables = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        if "submitit.core._submit" in command and text in command + variables:
            found.append(int(folder.name))
    return found


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something; raises TimeoutError that says for what."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.2)
