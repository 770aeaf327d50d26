"""Content Credentials: what they claim and whether they are intact; none is "unknown", never suspicion."""

from __future__ import annotations

import builtins
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from makers.report_factory import make_video
from PIL import Image

from spotterlib.provenance import credentials, read_credentials

TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MANIFEST = {
    "claim_generator_info": [{"name": "Test camera", "version": "1"}],
    "assertions": [
        {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": TYPE}]}}
    ],
}


@pytest.fixture(scope="module")
def signer():
    """A signer with a certificate of its own making, which no list of trusted ones has."""
    c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed (pip install spotterlib[provenance])")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common):
        parts = [(NameOID.ORGANIZATION_NAME, "A Test"), (NameOID.COMMON_NAME, common)]
        return x509.Name([x509.NameAttribute(*part) for part in parts])

    def certificate(common, key, by, authority):
        usage = dict.fromkeys(
            [
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ],
            False,
        )
        usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(common))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
            .add_extension(x509.KeyUsage(**usage), critical=True)
        )
        if not authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            made = made.add_extension(purpose, critical=False)
        return made.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("signer", key, root, False) + certificate("authority", root, root, True)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key.private_bytes(*form), None))


@pytest.fixture(scope="module")
def signed(signer, tmp_path_factory):
    """A signed video and a signed picture."""
    import c2pa

    folder = tmp_path_factory.mktemp("signed")
    make_video(folder / "plain.mp4")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "plain.jpg")
    for ending in ("mp4", "jpg"):
        c2pa.Builder(json.dumps(MANIFEST)).sign_file(folder / f"plain.{ending}", folder / f"signed.{ending}", signer)
    return folder


@pytest.mark.parametrize("ending", ["mp4", "jpg"])
def test_a_signed_file_says_what_it_claims(signed, ending):
    found = read_credentials(signed / f"signed.{ending}")
    assert (found.state, found.trusted, found.signer, found.tool) == ("intact", False, "A Test", "Test camera 1")
    assert found.actions == ("c2pa.created",) and found.source_types == (TYPE,)
    assert found.said.startswith("Intact") and "no list of trusted signers" in found.said


@pytest.mark.parametrize("ending", ["mp4", "jpg"])
def test_a_file_changed_after_it_was_signed_is_broken(signed, tmp_path, ending):
    content = bytearray((signed / f"signed.{ending}").read_bytes())
    place = content.index(b"mdat") + 200 if ending == "mp4" else len(content) - 100
    content[place] ^= 1
    (tmp_path / f"changed.{ending}").write_bytes(content)
    found = read_credentials(tmp_path / f"changed.{ending}")
    assert found.state == "broken" and "changed after it was signed" in found.said
    assert any(code.endswith("mismatch") for code in found.codes)


@pytest.mark.parametrize("name", ["plain.mp4", "plain.jpg"])
def test_no_manifest_is_unknown(signed, name):
    found = read_credentials(signed / name)
    assert (found.state, found.said, found.trusted) == ("unknown", credentials.NONE, None)
    assert "for or against" in found.said


def test_without_the_package_nothing_is_claimed(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "c2pa":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    found = read_credentials(tmp_path / "any.mp4")
    assert (found.state, found.said) == ("unknown", credentials.NOT_READ)
