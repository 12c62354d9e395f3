"""`mien people …`: look after the gallery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import gallery_options, options
from mien.cli.output import emit, say, table, write_private

if TYPE_CHECKING:
    from mien.core.people import Person
    from mien.gallery.people import People

app = typer.Typer(name="people", help="Look after the people of a gallery.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="A name, or a code as `people list` shows it (p-…).")]


@app.callback()
def people() -> None:
    """Look after the people of a gallery."""


@app.command("list")
def list_people(where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Show everybody."""
    with _open(where) as opened:
        everybody = [*opened.all()]
    if as_json:
        emit({"people": [person.to_dict() for person in everybody]})
        return
    table("", ["code", "name", "enrolled", "last seen", "consent"], [_row(person) for person in everybody])


@app.command()
def show(who: Who, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Show one person and their photos, with advice on which to replace."""
    with _open(where) as opened:
        person, faces = opened.find(who), opened.faces(who)
    if as_json:
        emit({"person": person.to_dict(), "faces": [face.to_dict() for face in faces]})
        return
    table("", ["code", "name", "enrolled", "last seen", "consent"], [_row(person)])
    rows = [(face.id, face.source, f"{face.quality:.2f}", face.advice) for face in faces]
    table("", [">photo", "source", ">quality", "advice"], rows)


@app.command()
def rename(who: Who, name: str, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Give somebody a name, or another one."""
    from mien.gallery.corrections import rename as rename_person

    with _open(where) as opened:
        person = rename_person(opened, who, name)
    _tell({"person": person.to_dict()}, f"now called {person.name}", as_json)


@app.command()
def merge(keep: Who, other: Who, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Two entries are one person: the first keeps its name and takes all photos."""
    from mien.gallery.corrections import merge as merge_people

    with _open(where) as opened:
        person = merge_people(opened, keep, other)
        photos = len(opened.faces(person.id))
    words = f"{person.name or keep} has {photos} photos now; `people undo` takes it back"
    _tell({"person": person.to_dict(), "photos": photos}, words, as_json)


@app.command()
def split(
    who: Who,
    photos: Annotated[list[int], typer.Argument(help="Photos to take out, as `people show` numbers them.")],
    name: Annotated[str | None, typer.Option("--name", help="Who these photos show.")] = None,
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """These photos show somebody else."""
    from mien.core.people import person_code
    from mien.gallery.corrections import split as split_person

    with _open(where) as opened:
        person = split_person(opened, who, photos, name)
    words = f"{person.name or person_code(person.id)} is a person of their own now"
    _tell({"person": person.to_dict()}, words, as_json)


@app.command("not-same")
def not_same(a: Who, b: Who, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Two people look alike but are different: never join them."""
    from mien.gallery.corrections import not_the_same

    with _open(where) as opened:
        not_the_same(opened, a, b)
        pair = [opened.find(who).to_dict()["id"] for who in (a, b)]
    _tell({"different": pair}, "they will never be joined", as_json)


@app.command()
def undo(where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Take back the newest correction."""
    from mien.gallery.corrections import undo as undo_correction

    with _open(where) as opened:
        kind = undo_correction(opened)
    _tell({"undone": kind}, f"taken back: {kind.replace('_', ' ')}", as_json)


@app.command()
def remove(
    photo: Annotated[int, typer.Argument(help="The photo, as `people show` numbers it.")],
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """Forget one photo of somebody, for good."""
    from mien.gallery.corrections import remove_face

    with _open(where) as opened:
        remove_face(opened, photo)
    _tell({"removed": photo}, "the photo is gone", as_json)


@app.command()
def withdraw(who: Who, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Consent is withdrawn: this person is not matched from now on."""
    from mien.gallery.leave import withdraw as withdraw_consent

    with _open(where) as opened:
        person = withdraw_consent(opened, who)
    words = "not matched any more; `people erase` or `people purge` removes the data"
    _tell({"person": person.to_dict()}, words, as_json)


@app.command()
def erase(who: Who, where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Remove every trace of somebody, and prove it."""
    from mien.gallery.leave import erase as erase_person

    with _open(where) as opened:
        done = erase_person(opened, who)
    if as_json:
        emit(done.to_dict())
        return
    say(f"{done.records} records erased, the key destroyed")
    if done.bytes_left is not None:
        say(f"{done.bytes_left} of them left a trace in {len(done.files)} files that were searched")


@app.command()
def purge(
    keep_days: Annotated[
        int | None, typer.Option("--keep-days", min=1, help="Set how long people are kept after last seen.")
    ] = None,
    require_consent: Annotated[
        bool | None, typer.Option("--require-consent/--no-require-consent", help="Set this rule.")
    ] = None,
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """Erase everybody whose consent ended, was withdrawn, or who was not seen for too long."""
    from dataclasses import replace

    from mien.gallery.leave import purge as purge_people
    from mien.privacy.retention import RetentionPolicy, due

    with _open(where) as opened:
        policy = RetentionPolicy(**opened.policy())
        if keep_days is not None:
            policy = replace(policy, keep_days=keep_days)
        if require_consent is not None:
            policy = replace(policy, require_consent=require_consent)
        if policy.to_dict() != dict(opened.policy()):
            opened.set_policy(policy.to_dict())
        now = opened.clock()
        erased = purge_people(opened, lambda *times: due(policy, now, *times))
    if as_json:
        emit({"policy": policy.to_dict(), "erased": [group.to_dict() for group in erased]})
        return
    say(f"{sum(len(group.people) for group in erased)} people erased")


@app.command()
def export(
    who: Who,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write here, not to stdout.")] = None,
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """Everything that is known about somebody, as JSON: their right to a copy."""
    from mien.gallery.leave import export as export_person

    with _open(where) as opened:
        data = export_person(opened, who)
    if out is None:
        emit(data)
        return
    write_private(out, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    _tell({"written": str(out)}, f"written to {out}: it holds biometric data, keep it safe", as_json)


@app.command("import")
def import_person(
    files: Annotated[list[Path], typer.Argument(help="Files that `people export` wrote, of any gallery.")],
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """Enrol people from their exports."""
    from mien.core.errors import InputError
    from mien.core.people import person_code
    from mien.gallery.leave import take_in
    from mien.pipeline.stores import gallery_uri, open_people

    exports = []
    for file in files:  # all are read before anybody is enrolled
        try:
            exports.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no JSON"
            raise InputError(
                f"{file} cannot be read ({why}): give a file that `mien people export` wrote"
            ) from error
    with open_people(gallery_uri(where)) as opened:
        taken = take_in(opened, exports)
    names = ", ".join(person.name or person_code(person.id) for person in taken)
    _tell({"people": [person.to_dict() for person in taken]}, f"enrolled: {names}", as_json)


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(help="DeepFace's .pkl, or the JSON of CompreFace's faces.")],
    images: Annotated[Path, typer.Option("--images", help="The folder that holds the pictures.")],
    kind: Annotated[str, typer.Option("--from", help="deepface or compreface.")] = "deepface",
    which: gallery_options.Which = None,
    where: gallery_options.Where = None,
    consent_by: gallery_options.ConsentBy = None,
    purpose: gallery_options.Purpose = "recognition",
    notice: gallery_options.Notice = "",
    consent_days: gallery_options.ConsentDays = None,
    profile: options.Profile = "balanced",
    as_json: options.Json = False,
) -> int:
    """Enrol the people of another program's gallery from their pictures. Its file is read, never run.

    Exit code 2 where nobody could be enrolled.
    """
    from mien.core.errors import InputError
    from mien.pipeline.adopt import photos_of_compreface, photos_of_deepface
    from mien.pipeline.enrol import enrol

    readers = {"deepface": photos_of_deepface, "compreface": photos_of_compreface}
    if kind not in readers:
        raise InputError(f"galleries of {kind!r} cannot be read: say --from deepface or compreface")
    found = readers[kind](file, images)
    consent = gallery_options.consent_from(consent_by, purpose, notice, consent_days)
    reports = []
    with gallery_options.open_gallery(where, profile) as opened:
        for name, photos in found.people.items():
            photos_here = list(photos)
            report = enrol(
                opened.people,
                opened.analyzer,
                name,
                photos_here,
                opened.calibration,
                consent=consent,
                which=which,
            )
            reports.append(report)
            failure = f"; {report.error}" if report.error else ""
            if not as_json:
                say(f"{name}: {len(report.accepted)} of {len(photos)} photos{failure}")
    if as_json:
        emit({"results": [report.to_dict() for report in reports], "missing": list(found.missing)})
    elif found.missing:
        say(f"{len(found.missing)} pictures are not under {images}, for instance {found.missing[0]}")
    return 0 if any(report.person for report in reports) else 2


@app.command()
def log(where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """The audit log; its chain is checked first."""
    from mien.gallery.audit import verify

    with _open(where) as opened:
        length = verify(opened.records, opened.vault.sealer)
        entries = opened.audit(max(length - 1000, 0))
    if as_json:
        emit({"entries": [entry.to_dict() for entry in entries], "length": length})
        return
    rows = [
        (entry.number, _day(entry.at), entry.actor, entry.action, entry.to_dict()["person"] or "")
        for entry in entries
    ]
    table("", [">entry", "when", "who", "did", "to"], rows)


@app.command()
def check(where: gallery_options.Where = None, as_json: options.Json = False) -> None:
    """Check files, log and every sealed record of the gallery."""
    with _open(where) as opened:
        found = opened.verify()
    if as_json:
        emit({"ok": True, **found})
    else:
        say(f"sound: {found['people']} people, {found['faces']} photos, {found['audit_entries']} log entries")


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="The file to write; the key is not in it.")],
    where: gallery_options.Where = None,
    as_json: options.Json = False,
) -> None:
    """Copy the gallery while it is in use."""
    with _open(where) as opened:
        opened.records.backup(path)
    words = f"written to {path}; keep the key file too, without it the copy cannot be read"
    _tell({"written": str(path)}, words, as_json)


@contextmanager
def _open(where: str | None) -> Iterator[People]:
    from mien.pipeline.stores import gallery_uri, open_people

    with open_people(gallery_uri(where), create=False) as opened:
        yield opened


def _tell(document: dict[str, object], words: str, as_json: bool) -> None:
    if as_json:
        emit(document)
    else:
        say(words)


def _row(person: Person) -> tuple[object, ...]:
    data = person.to_dict()
    consent = "withdrawn" if person.withdrawn else "none recorded"
    if person.consent and not person.withdrawn:
        until = f" until {_day(person.consent.expires)}" if person.consent.expires else ""
        consent = f"{person.consent.purpose}{until}"
    return data["id"], person.name or "(no name)", _day(person.created), _day(person.seen), consent


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
