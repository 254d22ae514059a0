"""Which names promise a secret: of fields, headers, parameters, variables."""

from __future__ import annotations

import re
from typing import Final

NAME_LENGTH_MAX: Final = 64

# What names a secret without being one: a token goes by its id, and how many there are is nobody's secret.
_HARMLESS_END: Final = re.compile(r"(id|ids|hint|hints|count|expiry|expiresms|expiresat)$")
# Names without their punctuation, so that api-key, api_key and apiKey are one.
_SECRET_PART: Final = re.compile(
    r"token|secret|passw|passphrase|passcode|pwd|apikey|accesskey|privatekey|signingkey|encryptionkey|masterkey"
    r"|authorization|cookie|credential|mnemonic|seedphrase|bearer|signature|pepper|csrf"
    r"|^(ok)?(access)?sign$|^auth$|^otp|otp$|totp|^pin$|session(id)?$"
)
_HARMLESS_SIGN: Final = re.compile(r"[^a-z0-9]")


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name must not be shown; of a long name the end counts."""
    plain = _HARMLESS_SIGN.sub("", name[-NAME_LENGTH_MAX:].lower())
    found = _SECRET_PART.search(plain)
    if found is None:
        return False
    return found.group() == "sessionid" or _HARMLESS_END.search(plain) is None
