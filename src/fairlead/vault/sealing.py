"""Seals and opens: AES-256-GCM, bound to the one place where the sealed value belongs. Pure; the nonce is given."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairlead.core.model.secret import Secret
from fairlead.ports import SealedPlace
from fairlead.vault.master_keys import KEY_ID_BYTES, KeyRing, MasterKey, VaultError

# The first byte of what is sealed says how, so that it can be done otherwise one day.
FORMAT: Final = b"\x01"
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
# With random 96-bit nonces a key may seal so many times before two are equal with a chance above 2**-32 (NIST SP
# 800-38D, 8.3). One sealing a second takes 136 years to get there, so nobody counts; a new key begins anew.
SEALINGS_PER_KEY_MAX: Final = 2**32
PLAIN_BYTES_MAX: Final = 4_096
_HEADER_BYTES: Final = len(FORMAT) + KEY_ID_BYTES
_LENGTH_BYTES: Final = 4


def seal(secret: Secret, place: SealedPlace, *, key: MasterKey, nonce: bytes) -> bytes:
    """Lock a secret up; the result is format, key id, nonce, ciphertext and tag. ``nonce``: 12 fresh random bytes.

    Raises:
        VaultError: the secret is longer than 4,096 bytes.
    """
    plain = secret.reveal().encode()
    if len(plain) > PLAIN_BYTES_MAX:
        raise VaultError(f"a secret has at most {PLAIN_BYTES_MAX} bytes")
    assert len(nonce) == NONCE_BYTES, len(nonce)
    header = FORMAT + key.key_id
    return header + nonce + AESGCM(key.reveal()).encrypt(nonce, plain, _bind(header, place))


def open_sealed(sealed: bytes, place: SealedPlace, ring: KeyRing) -> Secret:
    """Take a secret out.

    Raises:
        VaultError: the key is not here, or the value was changed, moved from another place, or is none of ours.
    """
    key_id = read_key_id(sealed)
    key = ring.find(key_id)
    if key is None:
        raise VaultError(f"this needs vault key {key_id.hex()}; here are {', '.join(ring.names)}")
    header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    try:
        plain = AESGCM(key.reveal()).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bind(header, place))
    except InvalidTag:
        raise VaultError(f"{place.table}.{place.field} was changed, or sealed for another owner or row") from None
    return Secret(plain.decode())


def read_key_id(sealed: bytes) -> bytes:
    """Which key a sealed value needs.

    Raises:
        VaultError: it is no sealed value.
    """
    if sealed[: len(FORMAT)] != FORMAT or len(sealed) < _HEADER_BYTES + NONCE_BYTES + TAG_BYTES:
        raise VaultError("this was not sealed here")
    return sealed[len(FORMAT) : _HEADER_BYTES]


def _bind(header: bytes, place: SealedPlace) -> bytes:
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    parts = [part.encode() for part in (place.tenant, place.table, place.row_id, place.field)]
    return header + b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)
