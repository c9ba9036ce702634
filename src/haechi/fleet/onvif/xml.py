"""XML from strangers: no document types, no entities, limits on everything; and text that is safe to put into XML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NoReturn
from xml.parsers import expat
from xml.sax import saxutils

from msgspec import Struct

from haechi.base.errors import PeerError

MOST_BYTES = 512 * 1024
MOST_DEPTH = 32
MOST_NODES = 20_000
MOST_ATTRIBUTES = 32
_SEPARATOR = " "


class Node(Struct, frozen=True):
    """An element. Names are local names: cameras disagree on prefixes, and some on namespaces.

    Attributes:
        namespace: Of the element; empty when it has none.
        attributes: By local name.
        text: All character data directly in it, stripped.
    """

    name: str
    namespace: str
    attributes: Mapping[str, str]
    text: str
    children: tuple[Node, ...]

    def all(self, name: str) -> Iterator[Node]:
        """The children called ``name``."""
        return (child for child in self.children if child.name == name)

    def find(self, *path: str) -> Node | None:
        """The first descendant along ``path``; the element itself for an empty one."""
        node: Node | None = self
        for name in path:
            node = next(node.all(name), None) if node is not None else None
        return node

    def text_at(self, *path: str) -> str:
        """The text of the first descendant along ``path``; empty when there is none."""
        node = self.find(*path)
        return node.text if node is not None else ""

    def anywhere(self, name: str) -> Iterator[Node]:
        """All descendants called ``name``, in the order of the document."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.anywhere(name)


class _Open:
    """An element that is not closed yet."""

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name, self.attributes = name, attributes
        self.text: list[str] = []
        self.children: list[Node] = []

    def closed(self) -> Node:
        namespace, _, name = self.name.rpartition(_SEPARATOR)
        return Node(name, namespace, self.attributes, "".join(self.text).strip(), tuple(self.children))


class _Builder:
    """Expat's listener."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._stack: list[_Open] = []
        self._nodes = 0
        self._root: Node | None = None

    def build(self, data: bytes) -> Node:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise PeerError(
                "the device sent no well-formed XML", offset=max(self._parser.ErrorByteIndex, 0), code="bad-xml"
            ) from error
        except (ValueError, LookupError) as error:
            raise PeerError("the device sent XML in an unknown encoding", offset=0, code="bad-xml") from error
        if self._root is None:
            self._refuse("the device sent an empty document")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(self._stack) >= MOST_DEPTH or len(attributes) > MOST_ATTRIBUTES:
            self._refuse("the device sent XML that is larger or deeper than any real one")
        local = {key.rpartition(_SEPARATOR)[2]: value for key, value in attributes.items()}
        self._stack.append(_Open(name, local))

    def _end(self, _name: str) -> None:
        node = self._stack.pop().closed()
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self._root = node

    def _text(self, data: str) -> None:
        self._stack[-1].text.append(data)

    def _doctype(self, *_: object) -> None:
        self._refuse("the device sent XML with a document type, which may name files and grow without bound")

    def _refuse(self, message: str) -> NoReturn:
        raise PeerError(message, offset=max(self._parser.CurrentByteIndex, 0), code="bad-xml")


def parse_xml(data: bytes) -> Node:
    """The root element of a document.

    Raises:
        PeerError: ``bad-xml``: not well-formed, with a document type, or beyond a limit.
    """
    if len(data) > MOST_BYTES:
        raise PeerError("the device sent XML that is larger than any real one", offset=MOST_BYTES, code="bad-xml")
    return _Builder().build(data)


def escape(text: str) -> str:
    """``text`` as character data or as the value of an attribute in double quotes."""
    kept = "".join(char for char in text if char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff"))
    return saxutils.escape(kept.encode("utf-8", "replace").decode(), {'"': "&quot;"})


def inert(text: str, most: int = 120) -> str:
    """What a device says of itself as one line without control and direction characters, at most ``most`` long."""
    kept = "".join(char if char.isprintable() else " " for char in text[: most * 4])
    return " ".join(kept.split())[:most].strip()
