"""The certificate that we serve https with."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o007


class TlsFilesError(RuntimeError):
    """The certificate or its key cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its private key, both PEM; they are read once, at the start."""

    certificate: Path
    key: Path


def open_tls(files: TlsFiles) -> ssl.SSLContext:
    """Read both files.

    Raises:
        TlsFilesError: one of them cannot be read, they do not belong together, or everybody may read the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        mode = stat.S_IMODE(files.key.stat().st_mode)
        if mode & _OTHERS:
            raise TlsFilesError(
                f"everybody may read the private key {files.key} (mode {mode:04o}): chmod 600 {files.key}"
            )
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
    except ssl.SSLError as error:
        text = f"{files.certificate} and {files.key} cannot be used: {error.reason or 'no PEM files'}"
        raise TlsFilesError(text) from None
    except OSError as error:
        raise TlsFilesError(f"the certificate or its key cannot be read: {error}") from None
    return context


# Without it the library would ask at the terminal, and a service would hang there.
def _refuse_password() -> str:
    raise TlsFilesError(
        "the private key is locked with a password: give one without, which only the server's user can read"
    )
