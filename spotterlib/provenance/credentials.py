"""Content Credentials (C2PA): what a manifest in a file claims, and whether it is intact. Claims, never a score."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NONE = (
    "Unknown: the file carries no Content Credentials. Most files carry none, and many programs strip them; it says "
    "nothing for or against this one."
)
NOT_READ = (
    "Unknown: they were not looked for, because c2pa-python is not installed (pip install spotterlib[provenance])."
)
_KEPT = 12  # claims of one kind
_LOCAL = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}  # nothing is asked of the network


@dataclass(frozen=True)
class Credentials:
    """What the Content Credentials of a file claim.

    state: "intact" (signed, and the file is as it was signed), "broken" (it was changed since, or the manifest was),
    "unknown" (there are none, or they could not be read); trusted: whether the signer is on a list that c2pa was given
    (None without a manifest); signer, tool, actions and source_types: as claimed; codes: what failed, in C2PA's words;
    said: all of it in sentences.
    """

    state: str
    said: str
    trusted: bool | None = None
    signer: str = ""
    tool: str = ""
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def read_credentials(path: str | os.PathLike[str]) -> Credentials:
    """The Content Credentials embedded in a file. Raises nothing: what cannot be read is "unknown"."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError):  # it is not there, or its library does not load here
        return Credentials("unknown", NOT_READ)
    try:
        with c2pa.Reader(os.fspath(path), context=c2pa.Context(c2pa.Settings.from_dict(_LOCAL))) as reader:
            told, state = json.loads(reader.json()), str(reader.get_validation_state())
        return _claims(told, state)
    except (c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        if isinstance(error, c2pa.C2paError.ManifestNotFound | c2pa.C2paError.NotSupported):
            return Credentials("unknown", NONE)
        return Credentials("unknown", f"Unknown: what the file has of them cannot be read ({_short(error)}).")


def _claims(told: dict[str, Any], state: str) -> Credentials:
    manifest = told["manifests"][told["active_manifest"]]
    codes = tuple(dict.fromkeys(_short(each.get("code", "")) for each in told.get("validation_status") or []))
    broken = state.lower() == "invalid"
    trusted = state.lower() == "trusted"
    signer = _short((manifest.get("signature_info") or {}).get("issuer", ""))
    tools = manifest.get("claim_generator_info") or []
    tool = " ".join(_short(part) for part in (tools[0].get("name"), tools[0].get("version")) if part) if tools else ""
    actions = [action for action in _actions(manifest)][:_KEPT]
    done = tuple(dict.fromkeys(_short(action.get("action", "")) for action in actions))
    types = tuple(dict.fromkeys(_short(a["digitalSourceType"]) for a in actions if a.get("digitalSourceType")))
    said = [
        "The file or its manifest was changed after it was signed: what follows is no longer vouched for."
        if broken
        else "Intact: neither the file nor its manifest was changed after it was signed."
    ]
    said.append(
        f"Signed by {signer or 'a signer without a name'}"
        + ("." if trusted else ", who is on no list of trusted signers that is known here: the name is a claim.")
    )
    said += [f"It claims to be made with {tool}."] if tool else []
    said += [f"It claims these steps: {', '.join(done)}."] if done else []
    return Credentials("broken" if broken else "intact", " ".join(said), trusted, signer, tool, done, types, codes)


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in manifest.get("assertions") or []:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from (assertion.get("data") or {}).get("actions") or []


def _short(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 160 else line[:160] + "…"
