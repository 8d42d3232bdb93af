"""Video writers: folders of frames and video files, as frames come."""

import hashlib
import json
import os
import pathlib
import shutil
from fractions import Fraction

from keras_synth.io.decoding import open_decoded
from keras_synth.io.encoding import encode_images
from keras_synth.io.folders import write_whole, written_whole
from keras_synth.io.images import split_alpha
from keras_synth.io.options import FileOptions
from keras_synth.io.video_encoder import (
    PartEncoder,
    choose_format,
    frame_rate,
    part_times,
)
from keras_synth.io.video_muxer import join_parts
from keras_synth.io.video_reader import BT709, LIMITED, import_av

#: Frames of a part: at most so many are lost when a job is stopped.
PART = 100
FRAMES_PER_SECOND = 25
# Primaries, transfer, matrix and range of the frames of a folder.
_COLOR = (BT709, BT709, BT709, LIMITED)


class FolderWriter:
    """Writes frames to PNG files, each whole or not at all.

    Frames of a folder keep their color profiles and metadata.

    Args:
        folder: Path of the folder.
        video: The `Video` that the frames come from, for names and bits.
        skip_existing: Whether frames that exist already are left as they are.
        strip: Whether to leave out metadata.
        provenance: `io.Provenance` for the metadata of frames, or None.

    Attributes:
        start: Number of the first frame that is to be written.
        notes: List of what could not be kept, in words.
    """

    def __init__(
        self, folder, video, skip_existing=False, strip=False, provenance=None
    ):
        self.folder = pathlib.Path(folder)
        self.video = video
        self.bits = 8 if video.bits == 8 else 16
        self.options = FileOptions(strip=strip)
        self.provenance = provenance
        self.skip_existing = skip_existing
        self.notes = []
        self.start = 0
        while skip_existing and self.start < video.total:
            if not self._path(self.start).exists():
                break
            self.start += 1
        file = video.file
        if file is not None and file.aspect != 1:
            self.notes.append(
                f"The pixels of {file.path.name} are {file.aspect} times as "
                "wide as high, which images do not say."
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def write(self, number, frame):
        """Writes a frame.

        Args:
            number: Its number, counted from 0.
            frame: Array (height, width, channels) in [0, 1].
        """
        path = self._path(number)
        if self.skip_existing and path.exists():
            return
        files = self.video.files
        encoded = encode_images(
            path,
            [(*split_alpha(frame), 0)],
            decoded=open_decoded(files[number]) if files else None,
            options=self.options,
            bits=self.bits,
            provenance=self.provenance,
        )
        write_whole(path, encoded.data)
        self.notes += set(encoded.notes) - set(self.notes)

    def _path(self, number):
        files = self.video.files
        name = files[number].stem if files else f"frame_{number + 1:06d}"
        return self.folder / f"{name}.png"


class FileWriter:
    """Writes a video file, in parts that outlive a kill.

    Every hundred frames are encoded by themselves and written, whole or not
    at all, to a hidden folder beside the target. In the end the parts are
    joined as they are, with sound, subtitles, chapters and tags of the source.
    So a job that goes on gives the same file as one that never stopped.

    Args:
        target: Path of the file.
        video: The `Video` that the frames come from.
        size: (height, width) of the frames to write.
        frames_per_second: Frame rate. None keeps the times of a video file;
            frames of a folder are 25 a second.
        settings: Dict of what decides the frames, as JSON holds it.
        skip_existing: Whether to go on with the parts that are there.
        overwrite: Whether parts that are there may be removed.
        strip: Whether to leave out tags.
        provenance: `io.Provenance` for the tags, or None.

    Attributes:
        start: Number of the first frame that is to be written.
        notes: List of what could not be kept, in words.

    Raises:
        ValueError: The format does not hold such frames, or their times.
    """

    def __init__(
        self,
        target,
        video,
        size,
        *,
        frames_per_second=None,
        settings=None,
        skip_existing=False,
        overwrite=False,
        strip=False,
        provenance=None,
    ):
        self.target = pathlib.Path(os.path.realpath(target))
        self.video = video
        self.file = video.file
        self.size = size
        self.skip_existing = skip_existing
        self.overwrite = overwrite
        self.strip = strip
        self.provenance = provenance
        self.rate = None
        if frames_per_second or not self.file:
            self.rate = frame_rate(frames_per_second or FRAMES_PER_SECOND)
        self.format = choose_format(target, size, video.channels, video.bits)
        self.aspect = self.file.aspect if self.file else Fraction(1)
        square = self.aspect != 1 and self.format.codec == "libvpx-vp9"
        if square:  # there is no way to write their shape
            self.size = (size[0], round(size[1] * self.aspect))
            self.aspect = Fraction(1)
        self.settings = {
            **(settings or {}),
            "size": list(size),
            "rate": str(self.rate),
            "format": self.format.codec,
        }
        self.folder = _parts_folder(self.target)
        self._about = self.folder / "settings.json"
        self.start = 0
        self.notes = self._first_notes(square)
        self._encoder = None
        if self.format.container == "avi" and not (
            self.rate or self.file.steady
        ):
            raise ValueError(
                f"{self.file.path} has a variable frame rate, which .avi files "
                "do not hold: write .mp4 or .mkv, or set a constant one "
                "(`frames_per_second`)."
            )

    def _first_notes(self, square):
        notes = []
        files = self.video.files
        if files and "profile" in open_decoded(files[0]).metadata.names():
            notes.append("The color profile of the frames is left out.")
        if square:
            notes.append(
                f"The pixels became square: {self.size[1]}x{self.size[0]} of "
                "them."
            )
        if self.video.bits > self.format.bits:
            notes.append(
                f"{self.video.bits} bits became {self.format.bits}, which the "
                "codec holds."
            )
        if self.format.pixels.startswith("yuv444p"):
            notes.append(
                "An odd size needs colors of full resolution (4:4:4), which "
                "some programs do not show."
            )
        return notes

    def __enter__(self):
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"{self.target} is being written by another process."
            ) from error
        try:
            self._look_at_parts()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._finish_part()
                self._join()
        finally:
            self._leave(done=kind is None and self.target.exists())

    def _look_at_parts(self):
        parts = self._parts()
        if parts and self.skip_existing:
            if json.loads(self._about.read_text()) != self.settings:
                raise ValueError(
                    f"{self.folder} holds the beginning of {self.target.name} "
                    "of another source or other settings: give those, or "
                    "begin anew (`overwrite`)."
                )
            self.start = sum(len(part_times(part)) for part in parts)
            return
        if parts and not self.overwrite:
            raise FileExistsError(
                f"{self.folder} holds the beginning of {self.target.name}, of "
                "a job that was stopped: go on (`skip_existing`) or begin "
                "anew (`overwrite`)."
            )
        for old in self.folder.iterdir():
            if old.is_dir():  # a workspace of `written_whole`
                shutil.rmtree(old)
            elif old.name != "lock":
                old.unlink()
        with written_whole(self._about) as unfinished:
            unfinished.write_text(json.dumps(self.settings))

    def _parts(self):
        """The parts that are there, from the first one on without a gap."""
        parts = []
        if not self._about.exists():  # left by a job that was done
            return parts
        while (part := self._part(len(parts) * PART)).exists():
            parts.append(part)
        return parts

    def _part(self, first):
        return self.folder / f"{first:09d}.part"

    def _leave(self, done=False):
        """Keeps the folder only if there is something to go on with."""
        keep = self._parts() and not done
        if not keep:
            self._about.unlink(missing_ok=True)
            shutil.rmtree(self.folder)
        self._lock.release()

    def write(self, number, frame):
        """Writes a frame.

        Args:
            number: Its number, counted from 0; from `start` on, each in turn.
            frame: Array (height, width, channels) in [0, 1].
        """
        if self._encoder is None:
            self._first = number
            self._encoder = self._new_encoder()
        time = number if self.rate else self.video.times[number]
        self._encoder.add(frame, time)
        if len(self._encoder.times) == PART:
            self._finish_part()

    def _new_encoder(self):
        return PartEncoder(
            self.format,
            self.size,
            1 / self.rate if self.rate else self.file.time_base,
            self.rate or self.file.rate,
            self.aspect,
            self.file.color if self.file else _COLOR,
        )

    def _finish_part(self):
        if self._encoder is not None:
            try:
                with written_whole(self._part(self._first)) as unfinished:
                    unfinished.write_bytes(self._encoder.finish())
            except OSError as error:
                raise self._cannot_write(error) from error
            self._encoder = None

    def _cannot_write(self, error):
        reason = error.strerror or type(error).__name__
        return OSError(f"Cannot write {self.target}: {reason}")

    def _join(self):
        joined = self.folder / f"joined{self.target.suffix}"
        try:
            self.notes += join_parts(
                joined,
                self._parts(),
                self.format,
                self.file,
                self.rate,
                self.strip,
                self.provenance,
            )
            with joined.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(joined, self.target)
        except import_av().FFmpegError as error:
            raise self._cannot_write(error) from error
        finally:
            joined.unlink(missing_ok=True)


def _parts_folder(target):
    """A hidden folder beside the target, of a name that is short enough."""
    name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    return target.with_name(f".unfinished-{name}")
