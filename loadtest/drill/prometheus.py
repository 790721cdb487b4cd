"""A real Prometheus with Matline's rules of alerts, and questions to it.

It scrapes every two seconds and evaluates the rules every second, instead of every five: an alert comes up to eight
seconds sooner than on the day. The rules are those of the day, with all that they wait for.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from loadtest.stack import end

DEPLOY = Path(__file__).parents[2] / "deploy"
READY_S = 60.0
STOP_S = 20.0
CONFIG = """\
global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }
rule_files: [rules.yaml]
scrape_configs:
  - job_name: matline
    file_sd_configs: [{ files: [targets.json] }]
"""

Labels = frozenset[tuple[str, str]]
"""The labels of an alert, its name and severity with them."""


class Prometheus(Struct, frozen=True):
    """A running Prometheus: its address, and its folder with the file of targets."""

    url: str
    folder: Path

    def scrape(self, targets: Mapping[str, int]) -> None:
        """Scrape these ports of this machine from now on, each as the job of its name."""
        groups = [{"targets": [f"127.0.0.1:{port}"], "labels": {"job": job}} for job, port in targets.items()]
        written = self.folder / "targets.new"
        written.write_text(json.dumps(groups))
        written.rename(self.folder / "targets.json")

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an expression now. Raises RuntimeError if Prometheus refuses it."""
        answer = await self._get("query", query=expression)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def firing(self) -> dict[Labels, dict[str, str]]:
        """Return the annotations of all alerts that are raised, by their labels."""
        answer = await self._get("alerts")
        return {
            frozenset(alert["labels"].items()): alert["annotations"]
            for alert in answer["data"]["alerts"]
            if alert["state"] == "firing"
        }

    async def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=parameters) as response,
        ):
            answer: dict[str, Any] = await response.json()
        if answer["status"] != "success":
            raise RuntimeError(f"Prometheus refuses {parameters or path}: {answer['error']}")
        return answer


@asynccontextmanager
async def running_prometheus(port: int) -> AsyncIterator[Prometheus]:
    """Start a Prometheus on a port of this machine, with nothing to scrape yet; stop it when the context is left.

    Raises RuntimeError with what it printed if it does not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="matline-prometheus-") as name:
        folder = Path(name)
        (folder / "rules.yaml").write_text((DEPLOY / "prometheus/rules.yaml").read_text())
        (folder / "prometheus.yml").write_text(CONFIG)
        (folder / "targets.json").write_text("[]")
        url = f"http://127.0.0.1:{port}"
        with (folder / "prometheus.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.operate.child", str(os.getpid()), "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url={url}",
                f"--web.user-assets={DEPLOY / 'runbooks'}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await _ready(process, url, folder / "prometheus.log")
            yield Prometheus(url, folder)
        finally:
            await end(process, STOP_S)


async def _ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + READY_S
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if process.returncode is not None or loop.time() > end_s:
                printed = await asyncio.to_thread(log.read_text, errors="replace")
                raise RuntimeError(f"Prometheus did not become ready:\n{printed}")
            await asyncio.sleep(0.1)
