"""What does somebody see whose form was refused? The page it was on, with what they typed, and the sentence beside what it is about.

One way for every form: a form says which page it is on (`form_page`), so that page is asked for once more, as its reader may see it now,
and what was typed is written back into the form that was sent. What the page itself puts into a form, as a hash of what was shown, is the
new page's. Where the form is not there any more, what was typed stands in a list, so that it can be copied.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from backhaul.entrypoints.web.wording import plain

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Attributes: TypeAlias = dict[str, str | None]

REFUSED: Final = "backhaul.refused"
"""Under which name a request that was refused carries why; so does the one that asks for its page anew, which may draw more then."""
UNTYPED: Final = frozenset({"form_token", "form_page"})
"""What every form carries and nobody typed."""
KEPT: Final = frozenset({"hidden", "file", "password", "submit", "button"})
"""Inputs that stay as the page draws them."""
CONNECTION: Final = frozenset({"type", "asgi", "http_version", "scheme", "server", "client", "root_path"})
"""What a second request over the same connection has in common with the first, beside most of its headers."""
OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A form that was refused: why, what of that is about which field, and what was typed."""

    status: int
    sentence: str
    about: Mapping[str, str]
    page: str
    typed: Mapping[str, str] = field(repr=False)


def keeping(app: App) -> App:
    """Put this around the console: a page that says a form was refused becomes the page the form is on."""

    async def kept(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            if REFUSED in scope:
                answer.append(message)
            else:
                await send(message)

        await app(scope, receive, hold)
        if not answer:
            return
        refusal: Refusal = scope[REFUSED]
        for message in await _redrawn(app, scope, refusal) or answer:
            await send(message)

    return kept


async def _redrawn(app: App, scope: Message, refusal: Refusal) -> list[Message]:
    """Ask for the page the form is on, as its reader may see it, and give it filled in; nothing if there is no such page any more."""
    page = urlsplit(refusal.page)
    if page.scheme or page.netloc or not page.path.startswith("/"):
        return []
    answer: list[Message] = []

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def hold(message: Message) -> None:
        answer.append(message)

    headers = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]
    asked = {name: value for name, value in scope.items() if name in CONNECTION}
    asked |= {"method": "GET", "path": unquote(page.path), "raw_path": page.path.encode(), "query_string": page.query.encode(),
              "headers": headers, REFUSED: refusal}
    await app(asked, nothing, hold)
    told = dict(answer[0]["headers"]) if answer else {}
    if not answer or answer[0]["status"] != OK or not told.get(b"content-type", b"").startswith(b"text/html"):
        return []
    path = scope.get("raw_path", b"").decode("ascii", "replace") or scope["path"]
    body = mended(b"".join(message.get("body", b"") for message in answer[1:]).decode(), path, refusal).encode()
    told[b"content-length"] = str(len(body)).encode()
    return [{**answer[0], "status": refusal.status, "headers": list(told.items())}, {"type": "http.response.body", "body": body}]


@dataclass(slots=True, kw_only=True)
class Control:
    """One field of a form, where it stands in the page, and the options of a choice."""

    begin: int
    end: int
    tag: str
    attributes: Attributes
    inside: int = 0
    options: list[tuple[int, int, Attributes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Give the name it is sent under."""
        return self.attributes.get("name") or ""

    @property
    def is_kept(self) -> bool:
        """Tell whether it stays as the page draws it."""
        return self.tag == "input" and (self.attributes.get("type") or "text") in KEPT


@dataclass(slots=True, kw_only=True)
class Form:
    """A form of a page: where it is sent, and where its content begins."""

    path: str
    begin: int
    controls: list[Control] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)

    def said(self, control: Control) -> str:
        """Say what a field is called on its page, or else by its name."""
        return " ".join(self.labels.get(control.attributes.get("id") or "", "").split()) or plain(control.name)

    def fits(self, path: str, typed: Mapping[str, str]) -> int:
        """Say how well it fits what was sent to an address: of several, as one in each row, by what they carry along."""
        if self.path != path:
            return -1
        carried = [each for each in self.controls if each.is_kept and each.name not in UNTYPED]
        return sum(typed.get(each.name) == each.attributes.get("value") for each in carried)


class _Reader(HTMLParser):
    """Finds the forms of a page of ours, and where its content begins."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.forms: list[Form] = []
        self.main = 0
        self._lines = [0]
        for line in page.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._form: Form | None = None
        self._control: Control | None = None
        self._label = ""
        self.feed(page)
        self.close()

    def _here(self) -> int:
        line, offset = self.getpos()
        return self._lines[line - 1] + offset

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        begin, attributes = self._here(), dict(attrs)
        end = begin + len(self.get_starttag_text() or "")
        if tag == "main":
            self.main = end
        elif tag == "form":
            self._form = Form(path=urlsplit(attributes.get("action") or "").path, begin=end)
            self.forms.append(self._form)
        elif tag == "label":
            self._label = attributes.get("for") or ""
        elif tag == "option" and self._control is not None and self._control.tag == "select":
            self._control.options.append((begin, end, attributes))
        elif tag in {"input", "select", "textarea"} and self._form is not None:
            made = Control(begin=begin, end=end, tag=tag, attributes=attributes, inside=end)
            self._form.controls.append(made)
            self._control = None if tag == "input" else made

    def handle_data(self, data: str) -> None:
        if self._label and self._form is not None:
            self._form.labels[self._label] = self._form.labels.get(self._label, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._label = ""
        elif tag == "form":
            self._form = None
        elif self._control is not None and tag == self._control.tag:
            self._control.end = self._here() + len(f"</{tag}>")
            self._control = None


def mended(page: str, path: str, refusal: Refusal) -> str:
    """Give a page with what was typed in the form that was sent to an address, and each sentence beside the field it is about."""
    read = _Reader(page)
    form = max(read.forms, key=lambda each: each.fits(path, refusal.typed), default=None)
    form = form if form is not None and form.path == path else None
    open_to = [each for each in form.controls if not each.is_kept] if form else []
    about = {name: found for name in refusal.about
             if (found := next((each for each in open_to if each.name == name or each.name.startswith(f"{name}_")), None))}
    wrong = sorted({each.begin: each for each in about.values()}.values(), key=lambda each: each.begin)
    marks = {each.begin: f"refused-{number}" if number > 1 else "refused" for number, each in enumerate(wrong, 1)}
    first = next(iter(wrong or open_to), None)
    edits: list[tuple[int, int, str]] = []
    for each in open_to:
        edits += _filled(each, refusal.typed, first=each is first, mark=marks.get(each.begin, ""))
    edits += [(each.end, each.end, _beside(refusal.about[name], marks[each.begin])) for name, each in about.items()]
    if form is not None and not about:
        edits.append((form.begin, form.begin, _beside(refusal.sentence, "refused")))
    placed = {each.name for each in form.controls} if form else set()
    named = {name: f'<a href="#{marks[each.begin]}">{escape(form.said(each))}</a>' for name, each in about.items()} if form else {}
    edits.append((read.main, read.main, _said(refusal, placed, named, has_form=form is not None)))
    for begin, end, new in sorted(edits, key=lambda each: each[:2], reverse=True):
        page = page[:begin] + new + page[end:]
    return page


def _beside(sentence: str, mark: str) -> str:
    return f'<span class="refused" id="{mark}">{escape(sentence)}</span>'


def _said(refusal: Refusal, placed: set[str], named: Mapping[str, str], *, has_form: bool) -> str:
    """Say at the head of the page that nothing was done, with a link to where, and list what could not be written back.

    What is wrong with several fields is a list, each by the link that is `named` for it.
    """
    to_it = ' <a href="#refused">Go to it</a>' if has_form else ""
    left = {name: text for name, text in refusal.typed.items() if name not in placed | UNTYPED and text}
    rows = "".join(f"<div><dt>{escape(plain(name))}</dt><dd>{escape(text)}</dd></div>" for name, text in left.items())
    wrote = f'<p>What you wrote:</p><dl class="facts">{rows}</dl>' if rows else ""
    why = f"<p>Nothing was done: {escape(refusal.sentence)}{to_it}</p>"
    if refusal.about and [*refusal.about.values()] != [refusal.sentence]:
        each = "".join(f"<li>{named.get(name) or escape(plain(name))}: {escape(sentence)}</li>" for name, sentence in refusal.about.items())
        why = f'<p>Nothing was done:</p><ul class="notes">{each}</ul>'
    return f'<div class="flash bad" role="alert">{why}{wrote}</div>'


def _filled(control: Control, typed: Mapping[str, str], *, first: bool, mark: str) -> list[tuple[int, int, str]]:
    """Give what changes in a page so that one field holds what was typed; the first is where its reader begins, `mark` what is wrong."""
    more: Attributes = ({"autofocus": None} if first else {}) | ({"aria-invalid": "true", "aria-describedby": mark} if mark else {})
    value, attributes = typed.get(control.name), {**control.attributes}
    edits: list[tuple[int, int, str]] = []
    if control.tag == "input" and attributes.get("type") in {"checkbox", "radio"}:
        attributes.pop("checked", None)
        attributes |= {"checked": None} if value is not None and value == (attributes.get("value") or "on") else {}
    elif control.tag == "input" and value is not None:
        attributes["value"] = value
    elif control.tag == "textarea" and value is not None:
        edits.append((control.inside, control.end - len("</textarea>"), "\n" + escape(value)))
    elif control.tag == "select" and value is not None:
        for begin, end, option in control.options:
            if option.get("value") is not None:  # one without says what it is sent as in its text
                chosen = {name: told for name, told in option.items() if name != "selected"}
                edits.append((begin, end, _tag("option", chosen | ({"selected": None} if option["value"] == value else {}))))
    end = control.inside
    edits.append((control.begin, end, _tag(control.tag, attributes | more)))
    return edits


def _tag(name: str, attributes: Attributes) -> str:
    written = (each if value is None else f'{each}="{escape(value)}"' for each, value in attributes.items())
    return f"<{' '.join((name, *written))}>"
