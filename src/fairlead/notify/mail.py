"""E-mail: one mailbox, through the mail server that its owner named."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from typing import Final

import aiosmtplib

from fairlead.notify.courier import Style
from fairlead.notify.layout import head_of, plain_lines
from fairlead.notify.message import Parcel
from fairlead.notify.outcome import Delivered, Failed, Outcome, Refused, redact
from fairlead.store.queries.notifications import EmailTarget, MailSecurity

DISTANCE_MS: Final = 2_000
MESSAGES_PER_MAIL_MAX: Final = 50
SEND_S_MAX: Final = 20.0
SUBJECT_LENGTH_MAX: Final = 150
_PERMANENT: Final = 500


class MailCourier:
    """Sends to one mailbox; a password goes only through a connection that is encrypted and whose server is known."""

    def __init__(self, *, target: EmailTarget, password: str, style: Style) -> None:
        """Prepare; nothing is connected yet."""
        self._target = target
        self._password = password
        self._style = style
        self._distances_ms = {f"mail:{target.host}:{target.port}:{target.username}": DISTANCE_MS}

    @property
    def distances_ms(self) -> Mapping[str, int]:
        """One lane for each server and user."""
        return self._distances_ms

    def count_fitting(self, parcels: Sequence[Parcel]) -> int:
        """As many as one mail may hold."""
        return min(len(parcels), MESSAGES_PER_MAIL_MAX)

    async def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send one mail."""
        target = self._target
        is_plain = target.security is MailSecurity.PLAIN
        if is_plain and self._password:
            return Refused(reason="a password is not sent through an unencrypted connection: use starttls or tls")
        mail = write_mail(parcels, target, self._style)
        try:
            await aiosmtplib.send(
                mail,
                hostname=target.host,
                port=target.port,
                username=target.username or None,
                password=self._password or None,
                local_hostname=_domain(target.sender),
                timeout=SEND_S_MAX,
                use_tls=target.security is MailSecurity.TLS,
                start_tls=target.security is MailSecurity.STARTTLS,
                tls_context=None if is_plain else ssl.create_default_context(),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            return self._judge(max(codes, default=_PERMANENT), "the server refused the recipient")
        except aiosmtplib.SMTPResponseException as error:
            return self._judge(error.code, redact(error.message, self._password, target.username))
        except ssl.SSLCertVerificationError:
            return Refused(reason="the certificate of the mail server is not valid")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                return Refused(reason="the certificate of the mail server is not valid")
            words = redact(" ".join(str(error).split()), self._password, target.username)
            return Failed(reason=f"the mail server cannot be reached ({type(error).__name__}: {words})")
        return Delivered()

    async def close(self) -> None:
        """Nothing stays open between two mails."""

    def __repr__(self) -> str:
        """Name it without its password."""
        return f"MailCourier({self._target.recipient!r})"

    def _judge(self, code: int, words: str) -> Outcome:
        reason = f"the mail server answered {code}: {' '.join(words.split())}"
        return Refused(reason=reason) if code >= _PERMANENT else Failed(reason=reason)


def write_mail(parcels: Sequence[Parcel], target: EmailTarget, style: Style) -> EmailMessage:
    """One mail of one or several messages, as text and as plain HTML; the same messages make the same Message-ID."""
    first = parcels[0]
    subject = first.message.summary if len(parcels) == 1 else f"{_modes(parcels)}{head_of(parcels)}"
    lines = "\n\n----\n\n".join("\n".join(plain_lines(parcel.message, style)) for parcel in parcels)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = read_address(target.sender)
    mail["To"] = read_address(target.recipient)
    mail["Subject"] = _one_line(f"Fairlead: {subject}")[:SUBJECT_LENGTH_MAX]
    mail["Date"] = format_datetime(datetime.fromtimestamp(first.message.at_ms // 1000, tz=UTC))
    mail["Message-ID"] = f"<{mail_id(parcels)}@{_domain(target.sender)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(lines)
    mail.add_alternative(f"<!doctype html><html><body><pre>{escape(lines)}</pre></body></html>", subtype="html")
    return mail


def mail_id(parcels: Sequence[Parcel]) -> str:
    """What makes a mail the same mail when it is sent again."""
    if len(parcels) == 1:
        return parcels[0].message_id
    return sha256("\n".join(parcel.message_id for parcel in parcels).encode()).hexdigest()[:32]


def read_address(text: str) -> Address:
    """Read one bare mail address.

    Raises:
        ValueError: it is none, or more than one; nothing that could begin another header passes.
    """
    name, at, domain = text.rpartition("@")
    if (
        not (name and at and domain)
        or not text.isascii()
        or any(not sign.isprintable() or sign in ' ,;<>"' for sign in text)
    ):
        raise ValueError("not one plain mail address such as me@example.org")
    return Address(username=name, domain=domain)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _modes(parcels: Sequence[Parcel]) -> str:
    modes = sorted({parcel.message.mode for parcel in parcels} - {""})
    return f"[{' / '.join(modes)}] " if modes else ""


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
