"""The variables of SPEC-020 mean what the specification says."""

import pytest

from observability.secret import Secret
from providers.embedders.settings import (
    EmbedderSettings,
    LocalEmbedderSettings,
    NoEmbedderSettings,
    OpenAIEmbedderSettings,
)
from providers.mem0.settings import Mem0Settings
from providers.memory.settings import MockSettings
from providers.native.settings import NativeSettings
from tests.app.settings.configuration import Configuration

EMBEDDER = "[providers.native.embedder]\n"


def embedder(configuration: Configuration, toml: str, environ: dict[str, str]) -> EmbedderSettings:
    """Give the embedder of the native provider."""
    native = configuration.load(toml, environ).settings.providers["native"]
    assert isinstance(native, NativeSettings)
    return native.embedder


@pytest.mark.parametrize("word", ["mock", "MOCK", " mock "])
def test_memory_provider_chooses_a_kind(configuration: Configuration, word: str) -> None:
    """A kind that no table configures comes with its defaults; case does not matter."""
    settings = configuration.load(environ={"MEMORY_PROVIDER": word}).settings

    assert settings.order == ["mock"]
    assert settings.providers == {"mock": MockSettings()}


def test_http_is_the_kind_mem0(configuration: Configuration) -> None:
    """The specification's `http` is the provider called mem0."""
    settings = configuration.read(environ={"MEMORY_PROVIDER": "http"}).settings

    assert settings.order == ["mem0"]
    assert settings.providers == {"mem0": Mem0Settings(base_url="http://localhost:8001")}


def test_memory_provider_takes_an_order(configuration: Configuration) -> None:
    """Several kinds, separated by commas, are an order."""
    settings = configuration.read(environ={"MEMORY_PROVIDER": "native,http"}).settings

    assert settings.order == ["native", "mem0"]
    assert settings.providers == {"native": NativeSettings(), "mem0": Mem0Settings()}


def test_memory_provider_means_the_configured_one(configuration: Configuration) -> None:
    """The table of that kind is meant, whatever its name is."""
    toml = 'order = ["mock"]\n[providers.mock]\nkind = "mock"\n[providers.main]\nkind = "native"\npool_size = 3'

    settings = configuration.load(toml, {"MEMORY_PROVIDER": "native"}).settings

    assert settings.order == ["main"]
    assert settings.providers == {"mock": MockSettings(), "main": NativeSettings(pool_size=3)}


def test_memory_provider_refuses_other_kinds(configuration: Configuration) -> None:
    """A kind that does not exist is an error that lists those that do."""
    refusal = configuration.refusal(environ={"MEMORY_PROVIDER": "native,sqlite"})

    kinds = "native, http, redis, opensearch, pinecone, mock"
    assert refusal == f'$.order: expected {kinds} or an order of them, got "sqlite" (MEMORY_PROVIDER)'


def test_memory_provider_refuses_a_name_of_another_kind(configuration: Configuration) -> None:
    """A table that is called native and is something else is not taken for it."""
    refusal = configuration.refusal('[providers.native]\nkind = "mock"', {"MEMORY_PROVIDER": "native"})

    expected = '$.order: no provider of kind "native", and the one of this name is of kind "mock" (MEMORY_PROVIDER)'
    assert refusal == expected


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        ("postgres://u:p@h:1/d", "postgresql+asyncpg://u:p@h:1/d"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://h/d?a=1&sslmode=require", "postgresql+asyncpg://h/d?a=1&ssl=require"),
        ("postgres://u:sslmode=@h/d?sslmode=disable", "postgresql+asyncpg://u:sslmode=@h/d?ssl=disable"),
    ],
)
def test_database_url_is_the_dsn_of_native(configuration: Configuration, url: str, dsn: str) -> None:
    """Every way to write a PostgreSQL URL comes out as the one that the provider takes."""
    settings = configuration.load(environ={"DATABASE_URL": url}).settings

    assert settings.providers == {"native": NativeSettings(dsn=Secret(dsn))}


def test_every_source_of_a_dsn_may_write_it_any_way(configuration: Configuration) -> None:
    """The file's dsn is normalised as DATABASE_URL is."""
    settings = configuration.load('[providers.native]\ndsn = "postgres://h/d"').settings

    assert settings.providers == {"native": NativeSettings(dsn=Secret("postgresql+asyncpg://h/d"))}


def test_database_url_goes_to_the_first_native_in_the_order(configuration: Configuration) -> None:
    """Tables that are not in use stay as they are."""
    toml = 'order = ["b"]\n[providers.a]\nkind = "native"\n[providers.b]\nkind = "native"'

    settings = configuration.load(toml, {"DATABASE_URL": "postgres://h/d"}).settings

    assert settings.providers == {
        "a": NativeSettings(),
        "b": NativeSettings(dsn=Secret("postgresql+asyncpg://h/d")),
    }


def test_a_key_chooses_openai(configuration: Configuration) -> None:
    """OPENAI_API_KEY alone makes the embedder openai, with the model of the specification."""
    chosen = embedder(configuration, "", {"OPENAI_API_KEY": "k"})

    assert chosen == OpenAIEmbedderSettings(api_key=Secret("k"), model="text-embedding-ada-002")


def test_model_and_base_url_come_along(configuration: Configuration) -> None:
    """EMBEDDING_MODEL and OPENAI_BASE_URL are settings of the openai embedder."""
    environ = {"OPENAI_API_KEY": "k", "EMBEDDING_MODEL": "m", "OPENAI_BASE_URL": "http://h/v1"}

    chosen = embedder(configuration, "", environ)

    assert chosen == OpenAIEmbedderSettings(api_key=Secret("k"), model="m", base_url="http://h/v1")


def test_a_key_fills_the_openai_embedder_of_the_file(configuration: Configuration) -> None:
    """What the file says beside the key stays."""
    chosen = embedder(configuration, f'{EMBEDDER}kind = "openai"\ndimensions = 256', {"OPENAI_API_KEY": "k"})

    assert chosen == OpenAIEmbedderSettings(api_key=Secret("k"), dimensions=256)


def test_a_base_url_fills_the_openai_embedder_without_a_key(configuration: Configuration) -> None:
    """A server of one's own needs no key."""
    chosen = embedder(configuration, f'{EMBEDDER}kind = "openai"', {"OPENAI_BASE_URL": "http://h/v1"})

    assert chosen == OpenAIEmbedderSettings(base_url="http://h/v1")


@pytest.mark.parametrize(
    ("toml", "environ", "expected"),
    [
        (f'{EMBEDDER}kind = "none"', {}, NoEmbedderSettings()),
        (f'{EMBEDDER}kind = "local"', {}, LocalEmbedderSettings()),
        ("", {"NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "local"}, LocalEmbedderSettings()),
    ],
)
def test_an_embedder_chosen_by_name_stays(
    configuration: Configuration, toml: str, environ: dict[str, str], expected: EmbedderSettings
) -> None:
    """OPENAI_API_KEY does not replace an embedder that the file or NINAI__ names."""
    chosen = embedder(configuration, toml, {"OPENAI_API_KEY": "k", "EMBEDDING_MODEL": "m", **environ})

    assert chosen == expected


def test_a_model_alone_does_not_choose_openai(configuration: Configuration) -> None:
    """Without a key the embedder is the local one, and the openai model is nobody's."""
    chosen = embedder(configuration, "", {"EMBEDDING_MODEL": "m", "OPENAI_BASE_URL": "http://h/v1"})

    assert chosen == LocalEmbedderSettings()


def test_mem0_variables_go_to_the_mem0_provider(configuration: Configuration) -> None:
    """Address, key and signing secret of the specification's HTTP provider."""
    environ = {"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": "http://h", "MEM0_API_KEY": "k", "MEM0_HMAC_SECRET": "s"}

    settings = configuration.read(environ=environ).settings

    expected = Mem0Settings(base_url="http://h", api_key=Secret("k"), hmac_secret=Secret("s"))
    assert settings.providers == {"mem0": expected}


def test_variables_of_a_kind_that_is_not_in_use_are_ignored(configuration: Configuration) -> None:
    """One environment serves for every choice of provider."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "DATABASE_URL": "mysql://h",
        "OPENAI_API_KEY": "k",
        "MEM0_BASE_URL": "http://h",
        "MEM0_API_KEY": "k",
        "MEM0_HMAC_SECRET": "s",
    }

    settings = configuration.load(environ=environ).settings

    assert settings.providers == {"mock": MockSettings()}


def test_the_order_of_ninai_decides_whom_the_variables_reach(configuration: Configuration) -> None:
    """NINAI__ORDER wins over MEMORY_PROVIDER before anything is handed out."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__ORDER": "native", "DATABASE_URL": "postgres://h/d"}

    settings = configuration.load(environ=environ).settings

    assert settings.order == ["native"]
    assert settings.providers["native"] == NativeSettings(dsn=Secret("postgresql+asyncpg://h/d"))


def test_memory_recall_limit_is_the_default_limit(configuration: Configuration) -> None:
    """MEMORY_RECALL_LIMIT is how many memories a recall gives when it does not say."""
    assert configuration.load(environ={"MEMORY_RECALL_LIMIT": "25"}).settings.recall_limit == 25


def test_an_empty_variable_is_not_set(configuration: Configuration) -> None:
    """Compose files hand on variables that are empty; they mean nothing."""
    names = [
        "MEMORY_PROVIDER",
        "DATABASE_URL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "EMBEDDING_MODEL",
        "MEM0_BASE_URL",
        "MEM0_API_KEY",
        "MEM0_HMAC_SECRET",
        "MEMORY_RECALL_LIMIT",
        "NINAI_CONFIG",
        "NINAI__SERVER__PORT",
    ]

    assert configuration.load(environ=dict.fromkeys(names, "")) == configuration.load()
