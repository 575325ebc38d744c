"""Runs commands and measures what they take."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Stage = Sequence[str | Path]
"""A program and its arguments."""

Pipeline = Sequence[Stage]
"""Programs whose output is the next one's input."""


class Failed(Exception):
    """A command did not do what it should; the message says which, and what it said last."""


@dataclass(frozen=True)
class Job:
    """Pipelines, one after the other, and where they run."""

    pipelines: Sequence[Pipeline]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """What a job took."""

    seconds: float
    """By the clock on the wall."""
    cpu: float
    """Seconds of CPU, of all its processes together."""
    peak: int
    """Most bytes resident: of a pipeline, the sum of what each of its processes had at most."""


def job(folder: Path, *stages: Stage, environment: Mapping[str, str] | None = None, sync: Path | None = None) -> Job:
    """One pipeline; with `sync`, then everything on that file system is made durable, within the time measured."""
    pipelines: list[Pipeline] = [stages]
    if sync is not None:
        pipelines.append([["sync", "-f", sync]])
    return Job(pipelines, folder, environment or {})


def measure(task: Job) -> Usage:
    began = time.monotonic()
    usages = [run_pipeline(pipeline, task) for pipeline in task.pipelines]
    seconds = time.monotonic() - began
    return Usage(seconds, sum(usage.cpu for usage in usages), max(usage.peak for usage in usages))


def run_pipeline(pipeline: Pipeline, task: Job) -> Usage:
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        processes: list[subprocess.Popen[bytes]] = []
        for number, stage in enumerate(pipeline):
            last = number == len(pipeline) - 1
            process = subprocess.Popen(
                stage,
                cwd=task.folder,
                env={**os.environ, **task.environment},
                stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if last else subprocess.PIPE,
                stderr=said,
            )
            if processes and (pipe := processes[-1].stdout):
                pipe.close()  # else its writer would not notice that its reader is gone
            processes.append(process)
        cpu, peak, failed = 0.0, 0, False
        for process in processes:
            # Not `wait`: only this tells what a single child took.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
            peak += usage.ru_maxrss * 1024
            failed = failed or process.returncode != 0
        if failed:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            commands = " | ".join(shlex.join(str(word) for word in stage) for stage in pipeline)
            raise Failed(f"{commands}: {' / '.join(lines[-2:]) or 'failed without a word'}")
    return Usage(time.monotonic() - began, cpu, peak)


def output(*command: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs what need not be measured; gives back what it prints."""
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Failed(f"{shlex.join(str(word) for word in command)}: {' / '.join(lines[-2:])}")
    return done.stdout.decode(errors="replace")
