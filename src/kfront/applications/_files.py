"""The files with ImageNet's weights."""

from typing import NamedTuple


class File(NamedTuple):
    name: str
    address: str
    md5: str


def find_file(who: str, top: bool) -> File:
    raise KeyError(who)
