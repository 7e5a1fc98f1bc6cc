"""Content Credentials (C2PA 2) for repaired photos, through the package `c2pa-python`.

The manifest names the photo as it was as its parent and says that it was opened and edited, how the new pixels came
about, and with what. It is made last of all: it signs every byte of the file.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.lost.origin import SOFTWARE

MIME_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp"}
ALGORITHMS = {256: "es256", 384: "es384", 521: "es512"}  # of an elliptic curve, by its length in bits
MISSING = "signing needs the package c2pa-python: pip install c2pa-python"


@dataclass(frozen=True)
class Signer:
    """A certificate and its key.

    Attributes:
        certificates: the chain, PEM, the signer's own first.
        key: its private key, PEM (PKCS #8).
        algorithm: as C2PA names it, for example `es256`.
    """

    certificates: str
    key: bytes
    algorithm: str

    def sign(self, data: bytes, original: bytes, picture_format: str, name: str, source_type: str) -> bytes:
        """A repaired file with a manifest.

        Args:
            data: the file.
            original: the photo's file as it was, which the manifest names as its parent; its own manifest goes along.
            picture_format: of both, as `Photo.format`.
            name: of the photo.
            source_type: IPTC's term for how the new pixels came about.

        Raises:
            ValueError: the format has no place for a manifest, or it cannot be signed.
        """
        import c2pa

        kind = MIME_TYPES.get(picture_format)
        if kind is None:
            raise ValueError(f"a {picture_format} file has no place for a C2PA manifest; leave out --c2pa_cert for it")
        target = io.BytesIO()
        try:
            with c2pa.Builder(_manifest(name, source_type)) as builder:
                parent = {"title": name, "relationship": "parentOf", "label": PARENT}
                builder.add_ingredient(json.dumps(parent), kind, io.BytesIO(original))
                info = c2pa.C2paSignerInfo(
                    alg=self.algorithm.encode(), sign_cert=self.certificates.encode(), private_key=self.key, ta_url=None
                )
                with c2pa.Signer.from_info(info) as signer:
                    builder.sign(signer, kind, io.BytesIO(data), target)
        except c2pa.C2paError as error:
            raise ValueError(f"cannot sign '{name}' with --c2pa_cert: {error}") from None
        return target.getvalue()


PARENT = "photo"  # label of the ingredient in the actions


def _manifest(name: str, source_type: str) -> str:
    """The manifest as JSON."""
    opened: dict[str, Any] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    edited = {
        "action": "c2pa.edited",
        "softwareAgent": {"name": SOFTWARE},
        "digitalSourceType": source_type,
        "description": "what covered the page was removed; text that it hid is lost",
    }
    return json.dumps(
        {
            "claim_generator_info": [{"name": SOFTWARE}],
            "title": name,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}}],
        }
    )


def load_signer(certificate: str | None, key: str | None) -> Signer:
    """A signer from two PEM files.

    Raises:
        ValueError: one is not named, cannot be read or used, or the package is missing; the message names the flag.
    """
    if certificate is None or key is None:
        missing = "--c2pa_key" if key is None else "--c2pa_cert"
        raise ValueError(f"{missing} is missing: a signature needs both --c2pa_cert and --c2pa_key")
    try:
        import c2pa  # noqa: F401
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ValueError(f"--c2pa_cert: {MISSING}") from None
    contents = []
    for flag, path in (("--c2pa_cert", certificate), ("--c2pa_key", key)):
        try:
            contents.append(Path(path).read_bytes())
        except OSError as error:
            raise ValueError(f"{flag} '{path}': cannot be read ({error.strerror})") from None
    if b"BEGIN CERTIFICATE" not in contents[0]:
        raise ValueError(f"--c2pa_cert '{certificate}': holds no certificate in PEM")
    try:
        private = load_pem_private_key(contents[1], None)
    except (ValueError, TypeError):
        raise ValueError(f"--c2pa_key '{key}': holds no private key in PEM without a password") from None
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.key_size in ALGORITHMS:
        algorithm = ALGORITHMS[private.key_size]
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        raise ValueError(f"--c2pa_key '{key}': C2PA knows no signature of this kind of key; take one of ECDSA P-256")
    return Signer(contents[0].decode("ascii", "replace"), contents[1], algorithm)
