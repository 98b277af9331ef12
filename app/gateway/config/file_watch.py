"""Every file that matters while the gateway runs: those of its configuration, and its environment's secrets."""

from app.config.sources.file import FileSource, OnChange
from app.gateway.config.configuration import Configuration
from app.settings import Settings, secret_files

__all__ = ["FileWatch"]


class FileWatch:
    """Made before the first reading, so that a change that comes while a file is read is not missed."""

    def __init__(self, settings: Settings, configuration: Configuration) -> None:
        self._secrets = list(secret_files(settings))
        self._configuration = configuration
        self._files = FileSource(self._paths)

    @property
    def _paths(self) -> list[str]:
        return list(dict.fromkeys([*self._configuration.paths, *self._secrets]))

    def follow(self) -> None:
        """Another configuration is in force: watch its files."""
        self._files.watch(self._paths)

    async def run(self, on_secret: OnChange, on_other: OnChange) -> None:
        """Until cancelled; a changed secret goes to the one, a file of the configuration to the other."""
        await self._files.run(
            lambda path, content: (on_secret if path in self._secrets else on_other)(path, content)
        )
