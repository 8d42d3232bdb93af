"""Provenance: files say that an algorithm made or changed them.

Image files say it in the XMP packet, with the properties of the IPTC Photo
Metadata Standard 2025.1: the digital source type, the system and its version.
Video files say the same in their comment.
"""

import dataclasses
import re
from xml.sax.saxutils import escape, quoteattr

import keras_synth

#: Digital source types of IPTC, by what was done to an image.
SOURCE_TYPES = {
    "restored": "algorithmicallyEnhanced",
    "edited": "compositeWithTrainedAlgorithmicMedia",
    "generated": "trainedAlgorithmicMedia",
}
_SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF>'
    '</x:xmpmeta><?xpacket end="w"?>'
)
_PROPERTIES = "DigitalSourceType|AISystemUsed|AISystemVersionUsed"
# An earlier value, as an attribute or an element, of whatever prefix.
_EARLIER = re.compile(
    rf"\s[\w.-]+:(?:{_PROPERTIES})=(?:\"[^\"]*\"|'[^']*')"
    rf"|<([\w.-]+:(?:{_PROPERTIES}))(?:\s[^>]*/>|/>|[ >].*?</\1\s*>)",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What was done to an image or a video, and by what.

    Attributes:
        kind: "restored" (what was there is made visible), "edited" (a part is
            made by a network), or "generated".
        method: Name of the method, preset or model, or "" for none.
    """

    kind: str
    method: str = ""

    def __post_init__(self):
        if self.kind not in SOURCE_TYPES:
            raise ValueError(
                f"`kind` must be one of {', '.join(SOURCE_TYPES)}. "
                f"Received: {self.kind!r}"
            )


def labeled(xmp, provenance):
    """An XMP packet that says what was done, everything else as it was.

    Args:
        xmp: XMP packet, bytes, or None.
        provenance: A `Provenance`.

    Returns:
        Bytes: a packet with `Iptc4xmpExt:DigitalSourceType`, `AISystemUsed`
        and `AISystemVersionUsed`. A packet that is no RDF stays as it is.
    """
    text = _PACKET if xmp is None else xmp.decode("utf-8", "surrogateescape")
    text = _EARLIER.sub("", text)
    version = _version(provenance)
    place = re.search(r"</([\w.-]+):RDF\s*>", text)
    if place is None:
        # RDF without anything in it may be a single tag.
        text, count = re.subn(
            r"<([\w.-]+):RDF((?:\s[^>]*)?)/>", r"<\1:RDF\2></\1:RDF>", text
        )
        if not count:
            return xmp
        place = re.search(r"</([\w.-]+):RDF\s*>", text)
    rdf = place[1]
    source_type = quoteattr(_SCHEME + SOURCE_TYPES[provenance.kind])
    description = (
        f'<{rdf}:Description {rdf}:about="" '
        f'xmlns:Iptc4xmpExt="{_EXTENSION}" '
        f"Iptc4xmpExt:DigitalSourceType={source_type} "
        f'Iptc4xmpExt:AISystemUsed="keras_synth">'
        "<Iptc4xmpExt:AISystemVersionUsed>"
        f"{escape(version)}</Iptc4xmpExt:AISystemVersionUsed>"
        f"</{rdf}:Description>"
    )
    text = text[: place.start()] + description + text[place.start() :]
    return text.encode("utf-8", "surrogateescape")


def tagged(tags, provenance):
    """Tags of a video file that say what was done.

    Args:
        tags: Dict, name of a tag → text.
        provenance: A `Provenance`.

    Returns:
        A new dict, with a last line of `comment` that names the system, its
        version and the digital source type. Other lines stay; an earlier
        label is replaced.
    """
    name = next((name for name in tags if name.lower() == "comment"), "comment")
    others = [
        line
        for line in tags.get(name, "").splitlines()
        if not (line.startswith("keras_synth ") and _SCHEME in line)
    ]
    label = (
        f"keras_synth {_version(provenance)}: "
        f"{_SCHEME}{SOURCE_TYPES[provenance.kind]}"
    )
    return {**tags, name: "\n".join([*others, label])}


def _version(provenance):
    return ", ".join(filter(None, (keras_synth.__version__, provenance.method)))
