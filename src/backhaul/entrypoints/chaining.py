"""Which files make up the sides of a month, and what does a run add to them?

Each side is a chain of Parquet files. A run adds a file only where something differs from those before: of every line it names, and of
every document or voucher without one, the file has all rows as they are now, and one that says `gone` where none is left. Of each `key` the
rows of its highest `part` count (`reconcile.as_they_stand`), so that no file is ever written over and every run can be proved again from
those it names.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import duckdb

from backhaul.application.advance import Arrived
from backhaul.application.extracts import SIDES, files_of, load
from backhaul.application.proof_ports import EXTRACTS, REMOVED, ProofStore
from backhaul.application.reconcile import as_they_stand, quoted

LINED: Final = ("accepted", "records", "held")
"""The sides a proof of lines is made in. Where something of a key is new on one of them, each has all its rows of that key again."""
LINE: Final = "'line ' || line"
KEYS: Final[Mapping[str, str]] = {
    "accepted": LINE, "held": LINE, "payouts": "'claim ' || coalesce(pays, '')",
    "records": f"""CASE WHEN coalesce(line, '') <> '' THEN {LINE} WHEN side = 'ledger' THEN 'voucher ' || coalesce(voucher, '')
                   ELSE 'document ' || coalesce(document, '') END"""}
"""What names the rows of each side that are replaced together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One file of a chain: where it lies, how many rows it has, and its hash."""

    file: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The files that make up each side of a month, oldest first; `folder` is where the next ones go."""

    folder: Path
    secret: str
    links: Mapping[str, Sequence[Link]]
    removed: str = ""
    """On which day the files before these went by their term, if they did."""

    @property
    def digest(self) -> str:
        """Give one hash of the sides that a proof of lines is made in."""
        return _hashed(f"{name} {hash_of(self.links[name])}" for name in LINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A chain with what a run added to it. What was added has names no pattern of extracts finds until the run is kept."""

    chain: Chain
    arrived: Arrived
    """What was added, as a history takes it."""
    lengths: Mapping[str, int]
    begun: Mapping[str, str]
    """Where each file lies that was added."""

    def files(self, name: str) -> Sequence[str]:
        """Give where the files of a side lie now."""
        return [self.begun.get(link.file, link.file) for link in self.chain.links[name]]

    @property
    def whole(self) -> Arrived:
        """Give all of the sides, as a history takes it that knows nothing."""
        return Arrived(**{name: self.files(name) for name in LINED})

    @property
    def extracts(self) -> Sequence[Mapping[str, Any]]:
        """Describe each side: how many rows it has now, its files, and one hash of theirs."""
        return [{"side": name, "rows": self.lengths[name], "sha256": hash_of(links),
                 "files": [{"file": link.file, "rows": link.rows, "sha256": link.sha256} for link in links]}
                for name, links in self.chain.links.items()]

    def keep(self) -> None:
        """Give the files that were added their names."""
        for file, begun in self.begun.items():
            Path(begun).replace(file)


def hash_of(links: Iterable[Link]) -> str:
    """Give one hash of the files of a side: that of their own hashes, a line for each, oldest first."""
    return _hashed(link.sha256 for link in links)


def _hashed(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


# --- what a month's chain is, and what a run adds to it


def resume(store: ProofStore, tenant: str, period: str, folder: Path) -> Chain:
    """Give the chain that the latest kept run of a month ended with; a new one where a file of it is gone or changed, or none was kept."""
    name = f"{EXTRACTS}{period}"
    with store.begin() as tx:
        memory, run = tx.recall(tenant, name), next(iter(tx.proofs(tenant, period, limit=1)), None)
    removed = str(memory.get(REMOVED, ""))
    if "folder" in memory and run:
        place = folder / memory["folder"]
        links = {each["side"]: [Link(**file) for file in files_of(each)] for each in run.extracts if "files" in each}
        if links.keys() == SIDES.keys() and all(_lies(place, link) for side in links.values() for link in side):
            return Chain(folder=place, secret=memory["secret"], links=links, removed=removed)
    numbers = [int(each.name) for each in folder.glob("*") if each.name.isdecimal()]
    memory = {"folder": str(max(numbers, default=0) + 1), "secret": token_hex(16), **({REMOVED: removed} if removed else {})}
    place = folder / memory["folder"]
    place.mkdir(parents=True)
    with store.begin() as tx:
        tx.remember(tenant, name, memory)
    return Chain(folder=place, secret=memory["secret"], links=dict.fromkeys(SIDES, ()), removed=removed)


def _lies(folder: Path, link: Link) -> bool:
    """Tell whether a file is where it should be, and as it was."""
    path = Path(link.file)
    return path.parent == folder and path.is_file() and sha256_of(path) == link.sha256


def sha256_of(path: Path) -> str:
    """Give the hash of a file, however large it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extend(chain: Chain, told: Mapping[str, Sequence[MutableMapping[str, Any]]], day: date) -> Grown:
    """Add what differs from a chain's files: a file for each side that has something new, as of a day.

    Customers' accounts are replaced in the rows told by words that only whoever has the secret can make of them again.
    """
    _disguise(chain.secret, *told.values())
    links, begun, gone = dict(chain.links), dict[str, str](), dict[str, Sequence[str]]()
    with duckdb.connect(config={"threads": 1}) as engine:
        for name, rows in told.items():
            load(engine, name, rows)
            engine.execute(f"CREATE VIEW now_{name} AS SELECT {KEYS[name]} AS key, * FROM {name}")
            files, columns = [link.file for link in chain.links[name]], ", ".join(SIDES[name])
            engine.execute(f"CREATE VIEW was_{name} AS SELECT {KEYS[name]} AS key, {columns} FROM "
                           f"{as_they_stand(files) if files else f'{name} WHERE false'}")
        for names in (LINED, ("payouts",)):
            engine.execute(f"CREATE OR REPLACE TABLE touched AS {' UNION '.join(map(_differing, names))}")
            for name in names:
                number = len(links[name]) + 1
                to = chain.folder / f"new-{name}-{number:04}-{day.isoformat()}.parquet"
                if count := _write(engine, name, number, to):
                    sha256 = sha256_of(to)
                    file = str(to.with_name(f"{to.stem.removeprefix('new-')}-{sha256[:16]}.parquet"))
                    links[name], begun[file] = [*links[name], Link(file=file, rows=count, sha256=sha256)], str(to)
            gone = _gone(engine) if names == LINED else gone
    grown = replace(chain, links=links)
    arrived = {name: [begun[link.file] for link in links[name] if link.file in begun] for name in LINED}
    return Grown(chain=grown, begun=begun, lengths={name: len(rows) for name, rows in told.items()}, arrived=Arrived(**arrived, **gone))


def _differing(name: str) -> str:
    """Give the query for the keys of a side of which not every row is as it was."""
    return (f"SELECT key FROM (FROM now_{name} EXCEPT ALL FROM was_{name}) UNION "
            f"SELECT key FROM (FROM was_{name} EXCEPT ALL FROM now_{name})")


def _write(engine: duckdb.DuckDBPyConnection, name: str, number: int, to: Path) -> int:
    """Write the rows of the keys that were touched, ordered, so that equal rows make equal files; give how many."""
    engine.execute(f"""
        CREATE OR REPLACE TABLE part AS
        SELECT {number} AS part, false AS gone, * FROM now_{name} WHERE key IN (FROM touched)
        UNION ALL BY NAME
        SELECT {number} AS part, true AS gone, key FROM (SELECT DISTINCT key FROM was_{name} WHERE key IN (FROM touched))
        WHERE key NOT IN (SELECT key FROM now_{name})""")
    rows = int((engine.execute("SELECT count(*) FROM part").fetchone() or (0,))[0])
    if rows:
        engine.execute(f"COPY (SELECT * FROM part ORDER BY ALL) TO {quoted(str(to))} (FORMAT PARQUET)")
    return rows


def _gone(engine: duckdb.DuckDBPyConnection) -> dict[str, Sequence[str]]:
    """Name the lines and documents of which no side has anything any more, and the vouchers that some legal entity has no more."""
    def told(query: str) -> Sequence[str]:
        return [name for (name,) in engine.execute(query).fetchall()]

    left = " UNION ".join(f"SELECT key FROM now_{name}" for name in LINED)
    found = {column: told(f"SELECT substr(key, {len(word) + 2}) FROM touched WHERE starts_with(key, '{word} ') AND key NOT IN ({left})")
             for column, word in (("gone", "line"), ("gone_documents", "document"))}
    vouchers = "SELECT voucher, coalesce(entity, '') FROM {}_records WHERE starts_with(key, 'voucher ')"
    return found | {"gone_vouchers": told(f"SELECT DISTINCT voucher FROM ({vouchers.format('was')} EXCEPT {vouchers.format('now')})")}


def _disguise(secret: str, *sides: Iterable[MutableMapping[str, Any]]) -> None:
    """Let extracts say which rows name one customer, and not which: each account becomes what only the secret makes of it."""
    for row in (row for rows in sides for row in rows if row.get("customer")):
        row["customer"] = f"customer {hmac.digest(secret.encode(), str(row['customer']).encode(), 'sha256').hex()[:16]}"
