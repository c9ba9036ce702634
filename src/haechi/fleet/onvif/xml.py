"""XML from strangers, read by our own code: no document types, limits on everything; and text that is safe in XML.

What cameras get wrong without harm is taken as it is meant: an ``&`` that stands for itself, prefixes that nobody
declared, bytes that are no UTF-8. What could do harm, or cannot be meant, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from msgspec import Struct

from haechi.base.errors import PeerError

MOST_BYTES = 512 * 1024
MOST_DEPTH = 32
MOST_NODES = 20_000
MOST_ATTRIBUTES = 256
"""Declarations of namespaces count: devices built with gSOAP begin every answer with some eighty."""
_ENCODINGS = {"utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
_ENCODINGS["utf-16"] = "utf-8"
"""Some cameras call UTF-8 so. Where the declaration can be read byte by byte, it is not UTF-16."""
_NAME = r"[^\W\d][\w.\-]*"
_QNAME = rf"{_NAME}(?::{_NAME})?"
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_START = re.compile(rf"<({_QNAME})")
_ATTRIBUTE = re.compile(rf"""\s+({_QNAME})\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_START_ENDS = re.compile(r"\s*(/?)>")
_END = re.compile(rf"</({_QNAME})\s*>")
_REFERENCE = re.compile(r"&(#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|\w{1,20});")
_NO_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML 1.0, section 2.2."""
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}


class Node(Struct, frozen=True):
    """An element. Names are local names: cameras disagree on prefixes, and some on namespaces.

    Attributes:
        namespace: Of the element; empty when it has none, or an undeclared one.
        attributes: By local name, without the declarations of namespaces.
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
    """An element that is not closed yet, with the namespaces in force in it."""

    def __init__(self, qname: str, attributes: Mapping[str, str], scope: Mapping[str, str]) -> None:
        self.qname, self.attributes, self.scope = qname, attributes, scope
        self.text: list[str] = []
        self.children: list[Node] = []

    def closed(self) -> Node:
        prefix, _, name = self.qname.rpartition(":")
        text = "".join(self.text).strip()
        return Node(name, self.scope.get(prefix, ""), self.attributes, text, tuple(self.children))


class _Reader:
    """Goes through a document once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._stack: list[_Open] = []
        self._nodes = 0
        self._root: Node | None = None

    def read(self) -> Node:
        bad = _NO_CHARACTER.search(self._text)
        if bad is not None:
            self._at = bad.start()
            self._refuse("the device sent XML with characters that XML does not have")
        while (tag := self._text.find("<", self._at)) >= 0:
            self._characters(self._text[self._at : tag])
            self._at = tag
            self._markup()
        self._characters(self._text[self._at :])
        if self._root is None or self._stack:
            self._refuse("the device sent XML that ends early")
        return self._root

    def _markup(self) -> None:
        text, at = self._text, self._at
        if text.startswith("</", at):
            self._end()
        elif text.startswith("<![CDATA[", at):
            self._at = self._after("]]>")
            self._content(text[at + 9 : self._at - 3])
        elif text.startswith("<!--", at):
            self._at = self._after("-->")
        elif text.startswith("<?", at):
            self._at = self._after("?>")
        elif text.startswith("<!", at):
            self._refuse("the device sent XML with a document type, which may name files and grow without bound")
        else:
            self._start()

    def _after(self, end: str) -> int:
        found = self._text.find(end, self._at)
        if found < 0:
            self._refuse("the device sent XML that ends early")
        return found + len(end)

    def _start(self) -> None:
        begun = _START.match(self._text, self._at)
        if begun is None or self._root is not None:
            self._refuse("the device sent no well-formed XML")
        self._nodes += 1
        if self._nodes > MOST_NODES or len(self._stack) >= MOST_DEPTH:
            self._refuse("the device sent XML that is larger or deeper than any real one")
        self._at = begun.end()
        told = self._attributes()
        ended = _START_ENDS.match(self._text, self._at)
        if ended is None:
            self._refuse("the device sent no well-formed XML")
        self._at = ended.end()
        self._stack.append(self._opened(begun[1], told))
        if ended[1]:
            self._close()

    def _attributes(self) -> dict[str, str]:
        told: dict[str, str] = {}
        while (one := _ATTRIBUTE.match(self._text, self._at)) is not None:
            if one[1] in told or len(told) >= MOST_ATTRIBUTES:
                self._refuse("the device sent XML with an attribute twice, or with too many")
            told[one[1]] = self._resolved(one[2] if one[2] is not None else one[3])
            self._at = one.end()
        return told

    def _opened(self, qname: str, told: Mapping[str, str]) -> _Open:
        scope = self._stack[-1].scope if self._stack else {}
        declared = {key[6:]: uri for key, uri in told.items() if key == "xmlns" or key.startswith("xmlns:")}
        plain = {key.rpartition(":")[2]: value for key, value in told.items() if not key.startswith("xmlns")}
        return _Open(qname, plain, {**scope, **declared} if declared else scope)

    def _end(self) -> None:
        found = _END.match(self._text, self._at)
        if found is None or not self._stack or found[1] != self._stack[-1].qname:
            self._refuse("the device sent no well-formed XML")
        self._at = found.end()
        self._close()

    def _close(self) -> None:
        node = self._stack.pop().closed()
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self._root = node

    def _characters(self, text: str) -> None:
        if text:
            self._content(self._resolved(text))

    def _content(self, text: str) -> None:
        if self._stack:
            self._stack[-1].text.append(text)
        elif text.strip(" \t\r\n\ufeff"):
            self._refuse("the device sent no well-formed XML")

    def _resolved(self, text: str) -> str:
        return _REFERENCE.sub(self._character, text) if "&" in text else text

    def _character(self, reference: re.Match[str]) -> str:
        name = reference[1]
        if not name.startswith("#"):
            known = _ENTITIES.get(name)
            return known if known is not None else self._refuse("the device sent XML with an unknown entity")
        code = int(f"0{name[1:]}", 16) if name.startswith("#x") else int(name[1:])
        if code > 0x10FFFF or _NO_CHARACTER.match(chr(code)):
            self._refuse("the device sent XML with characters that XML does not have")
        return chr(code)

    def _refuse(self, message: str) -> NoReturn:
        raise PeerError(message, offset=self._at, code="bad-xml")


def parse_xml(data: bytes) -> Node:
    """The root element of a document. The offset of an error counts characters.

    Raises:
        PeerError: ``bad-xml``: not well-formed, with a document type, or beyond a limit.
    """
    if len(data) > MOST_BYTES:
        raise PeerError("the device sent XML that is larger than any real one", offset=MOST_BYTES, code="bad-xml")
    return _Reader(_decoded(data)).read()


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    name = declared[1].decode("ascii").lower() if declared is not None else "utf-8"
    encoding = _ENCODINGS.get(name)
    if encoding is None:
        raise PeerError("the device sent XML in an encoding that is not read", offset=0, code="bad-xml")
    return data.decode(encoding, "replace")


def escape(text: str) -> str:
    """``text`` as character data or as the value of an attribute in double quotes."""
    kept = _NO_CHARACTER.sub("", text)
    for char, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        kept = kept.replace(char, reference)
    return kept


def written(node: Node) -> str:
    """An element as XML again, with its namespace and without attributes."""
    inner = escape(node.text) + "".join(written(child) for child in node.children)
    return f'<{node.name} xmlns="{escape(node.namespace)}">{inner}</{node.name}>'


def inert(text: str, most: int = 120) -> str:
    """What a device says of itself as one line without control and direction characters, at most ``most`` long."""
    kept = "".join(char if char.isprintable() else " " for char in text[: most * 4])
    return " ".join(kept.split())[:most].strip()
