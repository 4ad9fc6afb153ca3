"""A certificate of one's own for a page on the local network: browsers give the microphone to https only."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

from speech_tl.errors import BadInput

DAYS = 30


def own_certificate(host: str) -> ssl.SSLContext:
    """A server's context with a new self-signed certificate for `host`, made by the openssl program and kept nowhere.

    Raises:
        BadInput: there is no openssl, or it fails.
    """
    program = shutil.which("openssl")
    if program is None:
        raise BadInput(
            f"--host {host}: other machines' browsers give the microphone to https only, and its certificate is made "
            "by openssl, which is not installed; install it, or record on this machine without --host"
        )
    with tempfile.TemporaryDirectory() as folder:
        certificate, secret = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-keyout", str(secret), "-out", str(certificate), "-days", str(DAYS), "-subj", "/CN=speech-tl"]
        command += ["-addext", f"subjectAltName={'IP' if _is_number(host) else 'DNS'}:{host}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BadInput(f"--host {host}: openssl could not make a certificate ({said})")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, secret)
    return context


def _is_number(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    return ":" in host or host.replace(".", "").isdigit()
