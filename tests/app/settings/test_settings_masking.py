"""No secret is shown, wherever it stands."""

import pytest

from app.settings import load
from app.settings.masking import mask_for
from tests.app.settings.configuration import Configuration

CANARY = "canary-7Qx"


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        (f'[providers.native]\ndsn = ["{CANARY}"]', {}),
        (f'[providers.native.dsn]\nurl = "{CANARY}"', {}),
        (f'[providers.native]\ndsn = "{CANARY}"', {}),
        (f'[providers.native]\npassword = "{CANARY}"', {}),
        (f'providers = "postgres://u:{CANARY}@h/d"', {}),
        (f'[providers.native]\nembedder = "{CANARY}"', {}),
        (f'[providers.native]\nformer_embedders = ["{CANARY}"]', {}),
        (f'[providers.native]\nformer_embedders = "http://u:{CANARY}@h"', {}),
        (f'[providers.native]\nformer_embedders = [{{api_key = "{CANARY}"}}]', {}),
        (f'[providers.native]\nformer_embedders = {{api_key = "{CANARY}"}}', {}),
        (f'[auth.keys.ci]\nhash = "{CANARY}"', {}),
        (f'[providers.native]\ndsn = "{CANARY}" "', {}),
        (f"[providers.native]\ndsn = {CANARY}", {}),
        (f'[providers.native]\npooler = "http://u:{CANARY}@h"', {}),
        ("", {"DATABASE_URL": CANARY}),
        ("", {"NINAI__PROVIDERS__NATIVE__DSNN": CANARY}),
        ("", {"NINAI__PROVIDERS__NATIVE": CANARY}),
        ("", {"NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS": f'[{{"api_key": "{CANARY}"'}),
        ("", {"NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS": f'{{"api_key": "{CANARY}"}}'}),
        ("", {"NINAI__AUTH__KEYS__CI__HASH": CANARY}),
        ("", {"MEM0_BASE_URL": f"http://u:{CANARY}@h", "MEMORY_PROVIDER": "http"}),
    ],
)
def test_no_error_shows_a_secret(configuration: Configuration, toml: str, environ: dict[str, str]) -> None:
    """A secret in a wrong place, or wrong itself, stays out of the error."""
    assert CANARY not in configuration.refusal(toml, environ)


def test_no_listing_shows_a_secret(configuration: Configuration) -> None:
    """Secrets are masked among the values, user and password of a URL as well."""
    environ = {
        "MEMORY_PROVIDER": "native,http",
        "DATABASE_URL": f"postgres://u:{CANARY}@h/d",
        "OPENAI_API_KEY": CANARY,
        "OPENAI_BASE_URL": f"http://u:{CANARY}@h/v1",
        "MEM0_API_KEY": CANARY,
        "MEM0_HMAC_SECRET": CANARY,
        "NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS": f'[{{"kind": "openai", "api_key": "{CANARY}"}}]',
    }

    loaded = configuration.read(environ=environ)

    listed = {leaf.path: leaf.value for leaf in loaded.leaves() if "********" in str(leaf.value)}
    assert listed == {
        "providers.native.dsn": "********",
        "providers.native.embedder.api_key": "********",
        "providers.native.embedder.base_url": "http://********@h/v1",
        "providers.native.former_embedders[0].api_key": "********",
        "providers.mem0.api_key": "********",
        "providers.mem0.hmac_secret": "********",
    }
    assert CANARY not in repr(loaded.leaves()) + repr(loaded.origins)


def test_no_secret_of_the_settings_is_told() -> None:
    """Neither a key nor a password, escaped or not; nor what a terminal would take for a command."""
    environ = {
        "MEMORY_PROVIDER": "native,http",
        "DATABASE_URL": "postgresql://me:s3cr%40t@host/x",
        "MEM0_API_KEY": "key-7Qx",
        "MEM0_HMAC_SECRET": "hmac-7Qx",
    }
    mask = mask_for(load(None, environ).settings)

    assert mask("s3cr@t s3cr%40t key-7Qx hmac-7Qx") == "******** ******** ******** ********"
    assert mask("postgresql://me:other@host/x\nand\x1b[2J more") == "postgresql://********@host/x and\\x1b[2J more"


@pytest.mark.parametrize("password", ["s3cr[t", "s3]cret", "[s3cret]", "s3/cr?e#t", "s3:cret"])
def test_the_password_of_a_dsn_is_what_the_database_is_told(password: str) -> None:
    """It is none the less told to nobody else where a URL should have escaped it."""
    mask = mask_for(load(None, {"DATABASE_URL": f"postgresql://me:{password}@host/x"}).settings)

    assert mask(f"{password} is wrong") == "******** is wrong"


def test_a_short_secret_takes_no_letter_out_of_a_word() -> None:
    """Only where it stands by itself is it one."""
    mask = mask_for(load(None, {"MEMORY_PROVIDER": "http", "MEM0_API_KEY": "k"}).settings)

    assert mask("k looks like key=k") == "******** looks like key=********"
