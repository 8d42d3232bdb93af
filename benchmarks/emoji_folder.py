"""Rebuilds the folder of captioned emoji from three npm packages.

    python -m benchmarks.emoji_folder FOLDER

writes noto/CODE.png and twemoji/CODE.png, 64x64 with transparency, and
names.json with labels and tags in English and Chinese, from

- emoji-datasource-google 16.0.0 (Noto Emoji, Apache-2.0),
- emoji-datasource-twitter 16.0.0 (Twemoji, CC BY 4.0),
- emojibase-data 17.0.0 (MIT).

Emoji with skin tones, and those that one of the packages lacks, are left out.
"""

import io
import json
import pathlib
import sys
import tarfile
import urllib.request

from PIL import Image

REGISTRY = "https://registry.npmjs.org/{0}/-/{0}-{1}.tgz"
STYLES = {"noto": "google", "twemoji": "twitter"}
LANGUAGES = ("en", "zh")


def main(folder):
    """Downloads the packages, and writes the folder."""
    folder = pathlib.Path(folder)
    names = _names(_package("emojibase-data", "17.0.0"))
    images = {
        style: _images(_package(f"emoji-datasource-{vendor}", "16.0.0"), vendor)
        for style, vendor in STYLES.items()
    }
    codes = sorted(set(names).intersection(*images.values()))
    for style, found in images.items():
        (folder / style).mkdir(parents=True, exist_ok=True)
        for code in codes:
            (folder / style / f"{code}.png").write_bytes(found[code])
    table = {code: names[code] for code in codes}
    text = json.dumps(table, ensure_ascii=False, indent=0)
    (folder / "names.json").write_text(text, "utf-8")
    print(f"{len(codes):,} emoji in {folder}")


def _package(name, version):
    """`{path: bytes}` of an npm package, without its first folder."""
    with urllib.request.urlopen(REGISTRY.format(name, version)) as answer:
        archive = tarfile.open(fileobj=io.BytesIO(answer.read()))
    return {
        entry.name.partition("/")[2]: archive.extractfile(entry).read()
        for entry in archive.getmembers()
        if entry.isfile()
    }


def _names(package):
    """`{code: {language: {label, tags}, group}}` of the base forms."""
    names = {}
    for language in LANGUAGES:
        for emoji in json.loads(package[f"{language}/data.json"]):
            entry = names.setdefault(emoji["hexcode"].lower(), {})
            entry[language] = {
                "label": emoji["label"],
                "tags": emoji.get("tags", []),
            }
            entry["group"] = emoji.get("group")
    return {
        code: entry
        for code, entry in names.items()
        if all(language in entry for language in LANGUAGES)
    }


def _images(package, vendor):
    """`{code: PNG}` of the images of 64x64 pixels."""
    found = {}
    for path, content in package.items():
        file = pathlib.PurePosixPath(path)
        if file.parent.as_posix() != f"img/{vendor}/64":
            continue
        if Image.open(io.BytesIO(content)).size == (64, 64):
            found[file.stem.lower()] = content
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
