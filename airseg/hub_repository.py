"""Repositories of the Hugging Face Hub: upload a folder, fetch a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from airseg.errors import HubError, first_line

Kind = Literal["dataset", "model"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def is_repository(name: str) -> bool:
    """Return whether a text can name a repository: ``user/name``."""
    return _NAME.fullmatch(name) is not None


def check_repository(name: str) -> None:
    """Refuse what cannot name a repository.

    Raises:
        HubError: it is not ``user/name``.
    """
    if not is_repository(name):
        raise HubError(
            f"{name[:80]!a}: is no repository of the Hugging Face Hub; expected user/name."
        )


def upload(folder: Path, name: str, kind: Kind, *, private: bool) -> str:
    """Upload a folder into a repository, which is made where it is missing; return its address.

    Args:
        folder: its files replace those of the same names.
        name: ``user/name``.
        kind: of the repository.
        private: whether only its owner sees a repository that is made now.

    Raises:
        HubError: huggingface_hub is missing, nobody is logged in, or the Hub says no.
    """
    check_repository(name)
    _need_client("push")
    from huggingface_hub import HfApi

    hub = HfApi(library_name="airseg")
    try:
        address = hub.create_repo(name, repo_type=kind, private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=name, folder_path=folder, repo_type=kind, commit_message="Upload by airseg"
        )
    except Exception as cause:  # the client raises its own kinds, and those of what it is made of
        raise HubError(
            f"{name}: cannot be uploaded ({first_line(cause)}). Log in by `hf auth login`, with a "
            f"token that may write there; {folder} is ready for another try."
        ) from None
    return str(address)


def fetch(name: str, file: str, kind: Kind) -> Path:
    """Return where a repository's file lies on this machine; it is downloaded once.

    Raises:
        HubError: huggingface_hub is missing, or there is no such repository or file.
    """
    check_repository(name)
    _need_client("load from the Hub")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, file, repo_type=kind, library_name="airseg"))
    except Exception as cause:  # as above
        raise HubError(
            f"{name}: {file} cannot be had from the Hugging Face Hub ({first_line(cause)}). Check "
            "the name, the connection, and by `hf auth login` that you may read it."
        ) from None


def _need_client(what: str) -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise HubError(f"to {what} needs huggingface_hub. Run: pip install 'airseg[hub]'") from None
