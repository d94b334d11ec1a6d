"""Keyed pseudonyms: what stands for patients, studies, images and dates in a clean data set.

Everything is HMAC-SHA256 (RFC 2104) of an identifier under a secret of 32 random bytes that stays
outside the data set. The same identifier and secret always give the same pseudonym, so a data
set can grow; without the secret a pseudonym can neither be undone nor be checked by trying
identifiers out. Whoever has the secret can do both: it is to be guarded like the names.
"""

import hashlib
import hmac
import os
import secrets
import stat
import unicodedata
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from metrascope.errors import SettingsError
from metrascope.files.atomic import remove_leftovers, temporary_name

# As many as SHA-256 has: a longer key adds nothing to HMAC-SHA256 (RFC 2104).
SECRET_BYTES: Final = 32
# A file of secrets longer than this is something else.
LONGEST_FILE: Final = 4096
# Crockford's base 32 leaves out I, L, O and U, which are misread or spell words.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MOST_DAYS: Final = 1095


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms under one secret.

    A patient or study code has 50 random bits, an image or source code 60. The odds that any
    two of n different identifiers share a code are below n²/2^51 and n²/2^61: 4e-6 for 100,000
    patients, 4e-7 for a million images.

    Patient, study and scanner identifiers are compared as people write them: full-width letters
    as plain ones (NFKC), without invisible characters, spaces at the ends and case, and numbers
    without leading zeros, which spreadsheets lose (``00123`` and ``123`` are one patient;
    ``A00123`` and ``A123`` are two). To merge two patients by that costs a little data; to take
    one patient for two would put her into training and test. Images and sources are compared
    exactly, UIDs without the padding.

    Parameters
    ----------
    secret
        At least 32 random bytes, see `open_secret`.

    Raises
    ------
    ValueError
        If the secret is shorter: a bug, since `open_secret` refuses such files.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(f"the secret has {len(self.secret)} bytes, fewer than {SECRET_BYTES}")

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """Return the code of a patient, ``P`` and ten letters or digits.

        Parameters
        ----------
        patient_id
            The identifier as found in a tag or table, not empty.
        issuer
            Who issued it (a hospital, a centre), where several number their patients each from
            one. It counts: leave it out unless every record has it, or one patient becomes two.

        Raises
        ------
        ValueError
            If the identifier is empty: all unknown patients would become one.
        """
        return "P" + self._code("patient", _alike(patient_id), _alike(issuer, True), letters=10)

    def study(self, study: str) -> str:
        """Return the code of an examination (its UID or accession number): ``S`` and ten."""
        return "S" + self._code("study", _alike(study), letters=10)

    def image(self, image: str) -> str:
        """Return the code of an image (its UID, or its name and frame): ``I`` and twelve."""
        return "I" + self._code("image", image, letters=12)

    def source(self, source: str) -> str:
        """Return the code of a source file (its path or hash): ``F`` and twelve."""
        return "F" + self._code("source", source, letters=12)

    def data_set(self, number: int) -> str:
        """Return the identity of the ``number``-th data set under this secret: ``D`` and six."""
        return "D" + self._code("data set", str(number), letters=6)

    def scanner(self, scanner: str) -> str:
        """Return six letters or digits for a maker and model that may not be named."""
        return self._code("scanner", _alike(scanner, True) or scanner, letters=6)

    def centre(self, centre: str) -> str:
        """Return the code of a hospital that may not be named: ``C`` and six."""
        return "C" + self._code("centre", _alike(centre, True) or centre, letters=6)

    def uid(self, uid: str) -> str:
        """Return the UID that stands for another one, ``2.25.`` and a UUID as a whole number.

        It is a UUID of version 8 (RFC 9562) made of 122 bits of the HMAC, under the root that
        DICOM PS3.5 section B.2 reserves for UUIDs. Not for UIDs that the Standard registers.
        """
        digest = self._digest("uid", uid.strip(" \0"))
        return f"2.25.{uuid.UUID(bytes=_version_8(digest[:16])).int}"

    def shift_days(self, patient_id: str, issuer: str = "") -> int:
        """Return by how many days the dates of a patient move: −1095 to −1, never 0.

        All dates of a patient move alike, so the days between them hold. Uniform to one part in
        10^16. Who knows one true date of a patient knows her others: shifted dates are not gone.
        """
        digest = self._digest("days", _alike(patient_id), _alike(issuer, True))
        return -1 - int.from_bytes(digest[:8], "big") % MOST_DAYS

    def _code(self, domain: str, *parts: str, letters: int) -> str:
        number = int.from_bytes(self._digest(domain, *parts), "big")
        return "".join(ALPHABET[number >> 5 * place & 31] for place in range(letters))

    def _digest(self, domain: str, *parts: str) -> bytes:
        if not parts[0]:
            raise ValueError(f"an empty {domain} identifier has no pseudonym")
        # The length of each part, so that no two lists of parts give the same message.
        message = b"metrascope 1"
        for part in (domain, *parts):
            raw = part.encode("utf-8", "surrogatepass")
            message += len(raw).to_bytes(8, "big") + raw
        return hmac.digest(self.secret, message, hashlib.sha256)


def open_secret(path: Path, out: Path) -> bytes:
    """Read the secret from its file; make the file when it does not exist.

    The file is one line of 64 hexadecimal digits, or more. A new one gets the mode 0600 in a
    folder of 0700, and a file that exists is never written.

    Parameters
    ----------
    path
        The secret's file.
    out
        The data set's folder, which the file must be outside of, links followed.

    Returns
    -------
    bytes
        32 bytes or more.

    Raises
    ------
    SettingsError
        If the file lies in the data set, cannot be read or made, holds something else or too
        little, or can be read by other users of the machine (POSIX).
    """
    try:
        if _lies_in(path, out):
            raise SettingsError("deidentify.secret_inside", path=path, out=out)
        file = path.resolve()
        if not file.exists():
            _make_secret(file)
        return _read_secret(file)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle
        reason = getattr(error, "strerror", None) or error
        raise SettingsError("deidentify.secret_unreadable", path=path, reason=reason) from error


def _lies_in(path: Path, out: Path) -> bool:
    """Tell whether a file is in a folder by its name, or by where links lead."""
    folder = out.resolve()
    literal = Path(os.path.normpath(Path.cwd() / path))
    for place in (path.resolve(), literal, literal.parent.resolve() / literal.name):
        for parent in (place, *place.parents):
            # samefile also knows a folder by another spelling, where case does not count.
            if parent == folder or (folder.exists() and parent.exists() and parent.samefile(out)):
                return True
    return False


def _make_secret(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_leftovers(file.parent)
    # Half a secret, of a full disk or a kill, would be refused ever after.
    temporary = temporary_name(file)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(SECRET_BYTES).hex().encode("ascii") + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        _give_new_name(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _give_new_name(temporary: Path, file: Path) -> None:
    """Name a file: of two processes that begin at once, one makes it and the other fails."""
    try:
        os.link(temporary, file)
    except FileExistsError:
        raise
    except OSError:  # FAT, as on USB sticks, and some shares know one name for a file
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        temporary.replace(file)


def _read_secret(file: Path) -> bytes:
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError("deidentify.secret_no_file", path=file)
    if os.name == "posix" and status.st_mode & stat.S_IRWXO:
        raise SettingsError("deidentify.secret_open", path=file)
    with file.open("rb") as stream:
        content = stream.read(LONGEST_FILE + 1)
    try:
        secret = bytes.fromhex(content.decode("utf-8-sig").strip())
    except ValueError:
        secret = b""
    if len(content) > LONGEST_FILE or len(secret) < SECRET_BYTES:
        raise SettingsError("deidentify.secret_short", path=file, digits=2 * SECRET_BYTES)
    return secret


def _alike(identifier: str, empty: bool = False) -> str:
    """Return one spelling for all the ways in which people write an identifier."""
    plain = unicodedata.normalize("NFKC", identifier)
    # Cc and Cf: control characters, zero-width spaces, byte order marks. Cs would not encode.
    shown = "".join(sign for sign in plain if unicodedata.category(sign) not in ("Cc", "Cf"))
    written = " ".join(shown.split()).casefold()
    if written.isascii() and written.isdigit():
        written = written.lstrip("0") or "0"
    if not written and not empty:
        raise ValueError("an empty identifier has no pseudonym")
    return written


def _version_8(raw: bytes) -> bytes:
    changed = bytearray(raw)
    changed[6] = changed[6] & 0x0F | 0x80
    changed[8] = changed[8] & 0x3F | 0x80
    return bytes(changed)
