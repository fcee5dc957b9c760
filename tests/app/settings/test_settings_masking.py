"""No secret is shown, wherever it stands."""

import pytest

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
