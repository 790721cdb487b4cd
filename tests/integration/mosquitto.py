"""A real MQTT broker, Mosquitto, that keeps its sessions over a restart."""

import asyncio
import subprocess
from pathlib import Path

from services.demo.stack import free_port

PROGRAM = "/usr/sbin/mosquitto"
HANG_S = 120.0


class Mosquitto:
    """A broker on a port of its own; with a password for `timer` it lets nobody else in."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/", "user root"]
        if password is None:
            lines.append("allow_anonymous true")
        else:
            subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "passwords", "timer", password], check=True)
            lines.append(f"password_file {folder}/passwords")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    async def start(self) -> None:
        """Start it, and return once it listens."""
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "-c", str(self._folder / "mosquitto.conf"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(HANG_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return

    async def __aenter__(self) -> "Mosquitto":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop it; its sessions stay on disk."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
            self._process = None
