"""Runs commands and measures what they take."""

import os
import resource
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .machine import cpu_seconds

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
    others: float = 0.0
    """How many cores worked for other processes meanwhile, or for the kernel on its own."""


def job(folder: Path, *stages: Stage, environment: Mapping[str, str] | None = None, sync: Path | None = None) -> Job:
    """One pipeline; with `sync`, then everything on that file system is made durable, within the time measured."""
    pipelines: list[Pipeline] = [stages]
    if sync is not None:
        pipelines.append([["sync", "-f", sync]])
    return Job(pipelines, folder, environment or {})


def measure(task: Job) -> Usage:
    began, worked = time.monotonic(), cpu_seconds()
    usages = [run_pipeline(pipeline, task) for pipeline in task.pipelines]
    seconds, worked = time.monotonic() - began, cpu_seconds() - worked
    cpu = sum(usage.cpu for usage in usages)
    return Usage(seconds, cpu, max(usage.peak for usage in usages), max(worked - cpu, 0) / seconds)


def run_pipeline(pipeline: Pipeline, task: Job) -> Usage:
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for stage in pipeline:
                processes.append(start(stage, task, processes, said, last=len(processes) == len(pipeline) - 1))
            usages = [wait(process) for process in processes]
        except BaseException:
            for process in processes:
                process.kill()
                process.wait()
            raise
        if any(process.returncode for process in processes):
            said.seek(0)
            commands = " | ".join(shlex.join(map(str, stage)) for stage in pipeline)
            raise Failed(f"{commands}: {last_words(said.read())}")
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Usage(time.monotonic() - began, cpu, sum(usage.ru_maxrss for usage in usages) * 1024)


def start(
    stage: Stage, task: Job, before: Sequence[subprocess.Popen[bytes]], said: IO[bytes], last: bool
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        stage,
        cwd=task.folder,
        env={**os.environ, **task.environment},
        stdin=before[-1].stdout if before else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if last else subprocess.PIPE,
        stderr=said,
    )
    if before and (pipe := before[-1].stdout):
        pipe.close()  # else its writer would not notice that its reader is gone
    return process


def wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """As `Popen.wait`, which does not tell what a single child took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def last_words(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return " / ".join(lines[-2:]) or "failed without a word"


def output(*command: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs what need not be measured; gives back what it prints."""
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failed(f"{shlex.join(map(str, command))}: {last_words(done.stderr or done.stdout)}")
    return done.stdout.decode(errors="replace")
