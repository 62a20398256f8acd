"""What the kernel knows about a process: CPU time, context switches, memory."""

import glob
from dataclasses import dataclass

KIB = 1024


@dataclass
class Counters:
    cpu_ns: int = 0        # run time of all threads, from the scheduler's own clock
    user_ticks: int = 0    # user and system only give the split: they tick at 100 Hz
    system_ticks: int = 0
    switches: int = 0      # voluntary and not

    def __sub__(self, before):
        return Counters(self.cpu_ns - before.cpu_ns, self.user_ticks - before.user_ticks,
                        self.system_ticks - before.system_ticks, self.switches - before.switches)

    @property
    def user_share(self):
        return self.user_ticks / max(1, self.user_ticks + self.system_ticks)


def read_text(path):
    with open(path, errors="replace") as file:
        return file.read()


def fields_of(path):
    """The 'Name: value' lines of a file under /proc."""
    lines = (line.split(":", 1) for line in read_text(path).splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in lines}


def read_counters(pid):
    total = Counters()
    for task in glob.glob(f"/proc/{pid}/task/*"):
        total.cpu_ns += int(read_text(f"{task}/schedstat").split()[0])
        status = fields_of(f"{task}/status")
        total.switches += int(status["voluntary_ctxt_switches"])
        total.switches += int(status["nonvoluntary_ctxt_switches"])
    after_name = read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    total.user_ticks, total.system_ticks = int(after_name[11]), int(after_name[12])
    return total


def kib_field(path, name):
    return int(fields_of(path)[name].split()[0]) * KIB


def resident_bytes(pid):
    return kib_field(f"/proc/{pid}/smaps_rollup", "Pss")


def peak_bytes(pid):
    return kib_field(f"/proc/{pid}/status", "VmHWM")


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")
