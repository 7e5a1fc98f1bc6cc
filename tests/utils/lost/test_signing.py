import datetime
import io
import json

import cv2
import numpy as np
import pytest

from utils.lost import origin
from utils.lost.signing import load_signer

c2pa = pytest.importorskip("c2pa", reason="signing is an extra: pip install c2pa-python")
x509 = pytest.importorskip("cryptography.x509")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A certificate and its key, signed by an authority of our own."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(name):
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )

    def usage(**wanted):
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        names += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})

    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def begun(subject, public):
        builder = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("Root")).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        return builder.not_valid_after(now + datetime.timedelta(days=9))

    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    root = begun("Root", root_key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
    root = root.add_extension(usage(key_cert_sign=True, crl_sign=True), True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
    root = root.sign(root_key, hashes.SHA256())
    own = begun("Signer", key.public_key()).add_extension(x509.BasicConstraints(False, None), True)
    own = own.add_extension(usage(digital_signature=True), True).add_extension(authority, False)
    own = own.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    own = own.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    own = own.sign(root_key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("keys")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(own.public_bytes(pem) + root.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def picture(kind: str, level: int) -> bytes:
    return cv2.imencode(kind, np.full((64, 64, 3), level, np.uint8))[1].tobytes()


def read(data: bytes, kind: str) -> dict:
    with c2pa.Reader(kind, io.BytesIO(data)) as reader:
        return json.loads(reader.json())


@pytest.mark.parametrize(("extension", "name", "kind"), [(".jpg", "JPEG", "image/jpeg"), (".png", "PNG", "image/png")])
def test_a_signed_file_names_the_photo_as_its_parent_and_how_it_was_edited(files, extension, name, kind):
    data, original = picture(extension, 200), picture(extension, 90)
    signed = load_signer(*files).sign(data, original, name, "page", origin.ALTERED)
    store = read(signed, kind)
    manifest = store["manifests"][store["active_manifest"]]
    assert [part["relationship"] for part in manifest["ingredients"]] == ["parentOf"]
    actions = next(a["data"]["actions"] for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"] == origin.ALTERED
    faults = {status["code"] for status in store.get("validation_status", ())}
    assert faults <= {"signingCredential.untrusted"}  # nobody knows our authority
    assert np.array_equal(
        cv2.imdecode(np.frombuffer(signed, np.uint8), 1), cv2.imdecode(np.frombuffer(data, np.uint8), 1)
    )


def test_a_changed_byte_breaks_the_signature(files):
    signed = bytearray(
        load_signer(*files).sign(picture(".jpg", 200), picture(".jpg", 90), "JPEG", "page", origin.ALTERED)
    )
    signed[-40] ^= 1
    codes = {status["code"] for status in read(bytes(signed), "image/jpeg")["validation_status"]}
    assert "assertion.dataHash.mismatch" in codes


def test_what_cannot_be_signed_is_told(files):
    with pytest.raises(ValueError, match="no place for a C2PA manifest"):
        load_signer(*files).sign(b"", b"", "BMP", "page", origin.ALTERED)


def test_a_missing_or_unfit_file_is_named(files, tmp_path):
    certificate, key = files
    with pytest.raises(ValueError, match="--c2pa_key is missing"):
        load_signer(certificate, None)
    with pytest.raises(ValueError, match=r"--c2pa_cert '.*': cannot be read"):
        load_signer(str(tmp_path / "none.pem"), key)
    with pytest.raises(ValueError, match="holds no private key"):
        load_signer(certificate, certificate)
    with pytest.raises(ValueError, match="holds no certificate"):
        load_signer(key, key)
