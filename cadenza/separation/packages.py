"""Optional packages that a separator needs, in the versions that it was written for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata

from cadenza.errors import InputError


@dataclass(frozen=True)
class Package:
    """A package that is not installed with cadenza.

    Parameters
    ----------
    name : str
        Name of the distribution.
    requirement : str
        What to install, as pip understands it.
    needed_by : str
        What needs it, as the subject of a sentence that begins with "... needs".
    version : str, optional
        Version that is needed, ``"4.1"`` for any 4.1.x. Default: any.

    Examples
    --------
    >>> package = Package("numpy", requirement="numpy<2", needed_by="This example", version="1")
    >>> package.check()
    Traceback (most recent call last):
    cadenza.errors.InputError: This example needs numpy 1, but numpy ... is installed: pip ...
    """

    name: str
    requirement: str
    needed_by: str
    version: str | None = None

    @property
    def _advice(self) -> str:
        return f"pip install '{self.requirement}'"

    @property
    def installed(self) -> str:
        """Version that is installed.

        Raises
        ------
        InputError
            If the package is not installed.
        """
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            raise InputError(
                f"{self.needed_by} needs the package {self.name}, which is not installed: "
                f"{self._advice}"
            ) from None

    def check(self) -> None:
        """Check that the package is installed in the version that is needed.

        Raises
        ------
        InputError
            If it is not; the message names both versions.
        """
        found = self.installed
        if self.version is not None and not f"{found}.".startswith(f"{self.version}."):
            raise InputError(
                f"{self.needed_by} needs {self.name} {self.version}, but {self.name} {found} is "
                f"installed: {self._advice}"
            )

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Check the package, and say why if an import from it fails.

        Raises
        ------
        InputError
            As by `check`; also if the package is installed but cannot be imported.
        """
        self.check()
        try:
            yield
        except ImportError as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.needed_by} needs the package {self.name}, which is installed "
                f"({self.installed}) but cannot be imported: {reason}"
            ) from error
