"""TLS for our HTTP servers: a configured certificate, read again when it is renewed, and client certificates."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from services.runtime.certificates import CertificateFile
from services.runtime.faults import StartFault


class TlsFiles(Struct, frozen=True, kw_only=True):
    """PEM files: our certificate with its chain, its key, and the CA of client certificates if these are required."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def certificates(self) -> list[CertificateFile]:
        """Return the files of certificates."""
        own = CertificateFile(variable="MATLINE_TLS_CERT", path=self.cert)
        if self.client_ca is None:
            return [own]
        return [own, CertificateFile(variable="MATLINE_TLS_CLIENT_CA", path=self.client_ca, authority=True)]


def tls_files(environment: Mapping[str, str]) -> TlsFiles | None:
    """Return the files of MATLINE_TLS_CERT, _KEY and _CLIENT_CA, or None for plain HTTP.

    Raises StartFault if a certificate or key is missing.
    """
    cert, key, client_ca = (environment.get(f"MATLINE_TLS_{name}", "").strip() for name in ("CERT", "KEY", "CLIENT_CA"))
    if not cert and not key and not client_ca:
        return None
    if not cert or not key:
        raise StartFault(
            "TLS needs both MATLINE_TLS_CERT and MATLINE_TLS_KEY, also with MATLINE_TLS_CLIENT_CA; set both or none"
        )
    return TlsFiles(
        cert=Path(cert).expanduser(),
        key=Path(key).expanduser(),
        client_ca=Path(client_ca).expanduser() if client_ca else None,
    )


class ServerTls:
    """The TLS context of a server."""

    def __init__(self, files: TlsFiles) -> None:
        """Load the files. Raises StartFault if one of them cannot be used."""
        self._files = files
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if files.client_ca is not None:
                self.context.load_verify_locations(files.client_ca)
                self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_cert_chain(files.cert, files.key)
            self._stamp = self._times()
        except (OSError, ssl.SSLError) as error:
            raise StartFault(f"the files of MATLINE_TLS_CERT, _KEY or _CLIENT_CA cannot be used: {error}") from None

    def renewed(self) -> bool:
        """Load a renewed certificate for new connections. Return whether there was one.

        Raises StartFault if the new files cannot be used; the old certificate then stays in use.
        """
        try:
            stamp = self._times()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self._files.cert, self._files.key)
            self.context.load_cert_chain(self._files.cert, self._files.key)
        except (OSError, ssl.SSLError) as error:
            raise StartFault(
                f"the renewed {self._files.cert} cannot be used, the old one stays in use: {error}"
            ) from None
        return True

    def _times(self) -> tuple[int, int]:
        return self._files.cert.stat().st_mtime_ns, self._files.key.stat().st_mtime_ns
