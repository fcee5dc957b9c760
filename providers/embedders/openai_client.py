"""The official OpenAI client as it is configured here, and settings with which it cannot work."""

import openai

from providers.embedders.options import OpenAIOptions

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_NO_KEY = "none"  # servers that need no key still need the header


class Client(openai.AsyncOpenAI):
    """The official client, without the settings that it would read from the environment."""

    def __init__(self, options: OpenAIOptions) -> None:
        key, url, timeout = _key(options) or _NO_KEY, options.base_url or DEFAULT_BASE_URL, options.timeout
        # Texts are private: a redirect would send them where no operator has configured.
        http = openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False, timeout=timeout)
        super().__init__(api_key=key, base_url=url, timeout=timeout, max_retries=0, http_client=http)
        # What is None as an argument is looked up in OPENAI_ORG_ID, OPENAI_PROJECT_ID, OPENAI_ADMIN_KEY,
        # OPENAI_WEBHOOK_SECRET and OPENAI_CUSTOM_HEADERS, so it can only be unset afterwards.
        self.organization = self.project = self.admin_api_key = self.webhook_secret = None
        self._custom_headers = {}


def _key(options: OpenAIOptions) -> str:
    return options.api_key.reveal() if options.api_key else ""


def refusal_of(options: OpenAIOptions) -> str | None:
    """Return why these settings cannot work, None if they can."""
    key = _key(options)
    if not key and not options.base_url:
        return "no API key is set"
    if not (key.isascii() and key.isprintable()):
        return "the API key holds characters that no HTTP header can carry"
    return None
