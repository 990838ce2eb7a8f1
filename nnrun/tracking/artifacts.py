"""Copying files into a store: at once where its files are in a folder, else by MLflow's client."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nnrun.tracking.errors import patiently
from nnrun.tracking.run import Artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient


class Keeper(Protocol):
    """Takes the files of one run."""

    def keep(self, artifact: Artifact) -> None:
        """Copy a file or folder.

        Raises:
            OSError: If it cannot be read, or a local store not be written.
        """
        ...

    def folder(self, into: str = "") -> AbstractContextManager[Path]:
        """Yield a folder to write in; what it holds in the end is kept in ``into``."""
        ...


class Folder:
    """The artifacts of one run in a folder of this machine.

    Args:
        root: The folder; made when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, artifact: Artifact) -> None:
        """Copy a file or folder."""
        path, into = artifact
        target = self._root / into / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)

    @contextmanager
    def folder(self, into: str = "") -> Iterator[Path]:
        """Yield the very folder."""
        target = self._root / into
        target.mkdir(parents=True, exist_ok=True)
        yield target


class Remote:
    """The artifacts of one run wherever MLflow's client takes them.

    Args:
        client: Of the store.
        run: The run's id.
    """

    def __init__(self, client: "MlflowClient", run: str) -> None:
        self._client, self._run = client, run

    def keep(self, artifact: Artifact) -> None:
        """Copy a file or folder; sending it twice does no harm."""
        path, into = artifact
        if path.is_dir():
            target = f"{into}/{path.name}" if into else path.name
            patiently(lambda: self._client.log_artifacts(self._run, str(path), target))
        else:
            patiently(lambda: self._client.log_artifact(self._run, str(path), into or None))

    @contextmanager
    def folder(self, into: str = "") -> Iterator[Path]:
        """Yield a folder of this machine, and send what it holds."""
        with TemporaryDirectory(prefix="nnrun-") as place:
            yield Path(place)
            patiently(lambda: self._client.log_artifacts(self._run, place, into or None))


def keeper(client: "MlflowClient", run: str, uri: str) -> Keeper:
    """Choose who keeps a run's files.

    Args:
        client: Of the store.
        run: The run's id.
        uri: Of the run's artifacts.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc:
        return Folder(Path(url2pathname(parts.path)))
    return Remote(client, run)
