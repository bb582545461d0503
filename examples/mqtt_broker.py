"""An MQTT broker for a demonstration, on a free port of this machine: mosquitto where it is installed, else amqtt.

    with MqttBroker(folder, {"sensor": "secret", "penstock": "other"}) as broker: broker.port

Nobody comes in without a password. It is one process of ours, and ends with the block.
"""

import argparse
import asyncio
import base64
import contextlib
import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

START_S = 15.0
STOP_S = 3.0
_ITERATIONS = 1_000


class MqttBroker:
    """`folder` takes its configuration and its log. Raises RuntimeError when it does not start."""

    def __init__(self, folder: Path, users: Mapping[str, str], mosquitto: str | None = None) -> None:
        """`mosquitto` is the program; empty: the one in Python, None: whichever there is."""
        self._folder = folder
        self._users = users
        self._program = found_mosquitto() if mosquitto is None else mosquitto
        self.port = free_port()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        argv = self._mosquitto() if self._program else self._amqtt()
        self._log = self._folder / "mqtt.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
        deadline = time.monotonic() + START_S
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"the MQTT broker does not start: see {self._log}")
            time.sleep(0.05)
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._process.kill()
        self._process.wait()

    def _mosquitto(self) -> list[str]:
        config = {
            "listener": f"{self.port} 127.0.0.1",
            "user": getpass.getuser(),
            "allow_anonymous": "false",
            "password_file": str(self._passwords(pbkdf2)),
            # By default it drops what it holds beyond a thousand messages for one client.
            "max_queued_messages": "0",
            "max_inflight_messages": "0",
        }
        lines = [f"{name} {value}\n" for name, value in config.items()]
        return [self._program, "-c", str(self._write("mosquitto.conf", "".join(lines)))]

    def _amqtt(self) -> list[str]:
        return [sys.executable, str(Path(__file__).resolve()), str(self.port), str(self._passwords(argon2))]

    def _passwords(self, digest: Callable[[str], str]) -> Path:
        lines = [f"{user}:{digest(password)}\n" for user, password in self._users.items()]
        return self._write("mqtt-passwords", "".join(lines))

    def _write(self, name: str, text: str) -> Path:
        path = (self._folder / name).resolve()
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        return path


def found_mosquitto() -> str:
    """Return the program, which systems keep where only root looks; empty when there is none."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or ""


def pbkdf2(password: str) -> str:
    """Return a password as mosquitto keeps it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def argon2(password: str) -> str:
    """Return a password as amqtt keeps it."""
    from pwdlib.hashers.argon2 import Argon2Hasher

    return Argon2Hasher().hash(password)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


async def serve(port: int, passwords: str) -> None:
    """Be the broker, in Python."""
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": passwords}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An MQTT broker in Python, on a port of this machine.")
    parser.add_argument("port", type=int)
    parser.add_argument("passwords")
    told = parser.parse_args()
    asyncio.run(serve(told.port, told.passwords))
