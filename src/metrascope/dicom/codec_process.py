"""Codecs that damaged data can crash or hang, run in a process of their own.

JPEG-LS (CharLS loops without end on some damaged streams) and JPEG of other than 8 bits (GDCM
aborts the process on some). The process is started when a file first needs it, lives on for the
next frame, and ends itself when a frame takes too long or when its parent is gone. A frame that
ended a process which others have used is tried once more in a new one.
"""

import atexit
import faulthandler
import importlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import IO, Any, Final

from metrascope.dicom.streams import STREAM_CODINGS, Stream
from metrascope.errors import DataError
from metrascope.processes.search_path import child_environment

# Seconds of the processor for one frame, where that can be limited: by the clock a busy machine
# loses good files. A frame takes some ten milliseconds. Chosen, not measured.
_PROCESSOR_SECONDS: Final = 1.5
# Seconds by the clock for one frame.
_WALL_SECONDS: Final = 30.0
# Seconds for a process that has closed its pipe, to end.
_EXIT_SECONDS: Final = 1.0
_TOOK_LONG: Final = -getattr(signal, "SIGPROF", 0) or None
_CRASHES: Final = tuple(
    -getattr(signal, name)
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")
    if hasattr(signal, name)
)
_REQUEST: Final = struct.Struct("<BLLBBL")
_REPLY: Final = struct.Struct("<q")
_LOSSLESS, _LOSSY = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.51"
_BEGIN: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from metrascope.dicom.codec_process import main; main()"
)
"""Program of a process: it looks for modules where its parent does."""
_CODECS: Final = (("gdcm", "python-gdcm"), ("jpeg_ls", "pyjpegls"))
_running: dict[int, subprocess.Popen[bytes]] = {}


def decode_in_process(data: bytes, stream: Stream) -> bytes:
    """Decode a JPEG-LS or deep JPEG frame to its samples, little endian if of two bytes.

    Raises
    ------
    DataError
        ``dicom.bad_stream`` where the codec refuses, crashes, or takes more than 1.5 seconds of
        the processor; ``dicom.codec_ended`` where its process ends for another reason, which may
        not be the frame's; ``dicom.no_codec`` where it is not installed.
    """
    codec, package = _CODECS[stream.kind == "jpeg_ls"]
    if find_spec(codec) is None:
        raise DataError("dicom.no_codec", package=package)
    # A process that was forked must not share its parent's.
    worker = _running.get(os.getpid())
    used = worker is not None
    worker = worker or _start()
    try:
        samples = _ask(worker, data, stream)
    except (OSError, struct.error) as error:
        ended = _exit_status(_running.pop(os.getpid(), worker))
        if used and ended != _TOOK_LONG:  # it may be of another frame: once more, alone
            return decode_in_process(data, stream)
        key = "bad_stream" if ended in (_TOOK_LONG, *_CRASHES) else "codec_ended"
        raise DataError(f"dicom.{key}") from error
    if samples is None:
        raise DataError("dicom.bad_stream")
    return samples


def _start() -> subprocess.Popen[bytes]:
    changes = child_environment()
    inherited = {name: value for name, value in os.environ.items() if name not in changes}
    worker = subprocess.Popen(  # noqa: S603 (this very Python)
        # -m would look for modules in the folder that one stands in first.
        [sys.executable, "-P", "-c", _BEGIN, *filter(None, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=inherited | {name: value for name, value in changes.items() if value is not None},
    )
    _running[os.getpid()] = worker
    atexit.register(_stop, worker)
    return worker


def _exit_status(worker: subprocess.Popen[bytes]) -> int | None:
    """Return how a process ended that does not answer any more, as of `subprocess`."""
    with suppress(subprocess.TimeoutExpired):
        worker.wait(_EXIT_SECONDS)
    ended = worker.poll()
    _stop(worker)
    return ended


def _stop(worker: subprocess.Popen[bytes]) -> None:
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what is left to send has no reader any more
                continue
    worker.kill()
    worker.wait()


def _ask(worker: subprocess.Popen[bytes], data: bytes, stream: Stream) -> bytes | None:
    if worker.stdin is None or worker.stdout is None:
        raise BrokenPipeError
    request = _REQUEST.pack(
        STREAM_CODINGS.index(stream.kind),
        stream.width,
        stream.height,
        stream.components,
        stream.precision,
        len(data),
    )
    worker.stdin.write(request + data)
    worker.stdin.flush()
    (length,) = _REPLY.unpack(worker.stdout.read(_REPLY.size))
    # Damaged data may have made of that process what they like: it gets no more than it can need.
    if length > 2 * stream.width * stream.height * stream.components:
        raise BrokenPipeError
    samples = worker.stdout.read(length) if length >= 0 else None
    if samples is not None and len(samples) < length:
        raise BrokenPipeError
    return samples


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """Answer requests until there are no more: the length of the samples or -1, the samples."""
    while len(head := source.read(_REQUEST.size)) == _REQUEST.size:
        kind, width, height, components, precision, length = _REQUEST.unpack(head)
        data = source.read(length)
        stream = Stream(STREAM_CODINGS[kind], width, height, components, precision)
        codec = importlib.import_module(_CODECS[stream.kind == "jpeg_ls"][0])
        with _limited_time():
            samples = _decode(codec, data, stream)
        target.write(_REPLY.pack(-1 if samples is None else len(samples)))
        target.write(samples or b"")
        target.flush()


@contextmanager
def _limited_time() -> Iterator[None]:
    """End this process where the block takes too long; it may be in C and hold Python's lock."""
    faulthandler.dump_traceback_later(_WALL_SECONDS, exit=True)
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)
    yield
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, 0)
    faulthandler.cancel_dump_traceback_later()


def _decode(codec: Any, data: bytes, stream: Stream) -> bytes | None:
    try:
        if stream.kind == "jpeg_ls":
            return bytes(codec.decode_from_buffer(data))
        buffer = _gdcm_image(codec, data, stream).GetBuffer()
        return None if buffer is None else bytes(buffer.encode("utf-8", "surrogateescape"))
    except Exception:  # the codecs raise what they like, and the answer is the same
        return None


def _gdcm_image(gdcm: Any, data: bytes, stream: Stream) -> Any:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.width, stream.height, 1))
    image.SetDataElement(element)
    photometric = "RGB" if stream.components == 3 else "MONOCHROME2"
    kind = gdcm.PhotometricInterpretation.GetPIType(photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    if stream.components == 3:
        image.SetPlanarConfiguration(0)
    syntax = _LOSSLESS if stream.kind == "jpeg_lossless" else _LOSSY
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    bits, allocated = stream.precision, 8 if stream.precision <= 8 else 16
    image.SetPixelFormat(gdcm.PixelFormat(stream.components, allocated, bits, bits - 1, 0))
    return image


def main() -> None:
    """Serve on the standard streams; what the codecs print goes nowhere."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, target)
