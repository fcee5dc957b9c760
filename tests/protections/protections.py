"""The protections by name: where each one stands, what is put in its place, and the tests that notice."""

from msgspec import Struct

_AUTH, _TOKENS = "tests/app/auth", "tests/app/auth/tokens"
_SIGNED, _CURSORS = f"{_AUTH}/test_signed_contexts.py", "tests/app/http/test_cursors.py"
_CLAIMS = f"{_TOKENS}/test_tokens.py::test_a_token_must_be_for_this_service_and_count_now"
_NOTHING = "if False:"


class Protection(Struct, frozen=True):
    """Take a protection out by putting `instead` in the place of `text`, which stands once in the file."""

    name: str
    file: str
    text: str
    tests: tuple[str, ...]
    instead: str = _NOTHING

    def without(self, source: str) -> str:
        """Return the source of the file without the protection; raise `ValueError` if the text is not there once."""
        if source.count(self.text) != 1:
            raise ValueError(f"{self.name}: {self.text!r} stands {source.count(self.text)} times in {self.file}")
        return source.replace(self.text, self.instead)


PROTECTIONS = (
    Protection(
        "one credential per request",
        "app/auth/credentials.py",
        "if len(shown) + max(len(users), len(signatures)) > 1:",
        (f"{_AUTH}/test_credentials.py",),
    ),
    Protection("scopes of routes", "app/auth/caller.py", "if scope not in self.scopes:", (f"{_AUTH}/test_routes.py",)),
    Protection("no route without a scope", "app/auth/routes.py", "if asks not in known:", (f"{_AUTH}/test_routes.py",)),
    Protection(
        "users of a key",
        "app/auth/allowed_users.py",
        "if not self._includes(named) and not (reading and named in self.reads):",
        (f"{_AUTH}/test_naming.py::test_a_key_of_one_user_speaks_for_no_other",),
    ),
    Protection(
        "memories that are only to be read",
        "app/auth/allowed_users.py",
        "(reading and named in self.reads)",
        ("tests/app/controllers/test_shared_recall.py",),
        "(named in self.reads)",
    ),
    Protection("revoked keys", "app/auth/api_key.py", "if found.revoked:", (f"{_AUTH}/test_refused_callers.py",)),
    Protection("expired keys", "app/auth/api_key.py", "if now >= found.until:", (f"{_AUTH}/test_refused_callers.py",)),
    Protection(
        "sessions that end with their key",
        "app/auth/api_key.py",
        "return None if secret.revoked or self._now() >= secret.until else secret.identity",
        (f"{_AUTH}/test_key_following.py::test_a_session_ends_with_its_key",),
        "return secret.identity",
    ),
    Protection(
        "sessions that do not come back",
        "app/auth/api_key.py",
        'text if key.renewed is None else f"{text} since {key.renewed.isoformat()}"',
        (f"{_AUTH}/test_key_following.py::test_a_session_does_not_come_back_with_its_key",),
        "text",
    ),
    Protection(
        "logouts on the server",
        "app/console/ended_sessions.py",
        "return name in self._here or (self._folder / name).exists()",
        ("tests/app/console/test_session.py::test_who_has_logged_out_is_out_everywhere",),
        "return False",
    ),
    Protection(
        "the token of a form",
        "app/console/admission.py",
        'if not hmac.compare_digest(fields.get(TOKEN, "").encode(), session.form.encode()):',
        ("tests/app/console/test_forgery.py",),
    ),
    Protection(
        "pages of other sites",
        "app/auth/origin.py",
        "if not own:",
        (f"{_AUTH}/test_auth.py::test_where_no_key_is_asked_for_a_foreign_page_does_nothing",),
    ),
    Protection(
        "names of other machines",
        "app/auth/loopback.py",
        "if host is not None and not _is_loopback(host):",
        (f"{_AUTH}/test_auth.py::test_where_no_key_is_asked_for_a_foreign_name_opens_nothing",),
    ),
    Protection(
        "waits for whoever guesses",
        "app/auth/admission.py",
        "if seconds:",
        (f"{_AUTH}/test_refused_callers.py::test_who_guesses_waits_and_who_is_known_does_not",),
    ),
    Protection(
        "tenants that are not enabled",
        "app/auth/admission.py",
        "if tenant != DEFAULT_TENANT and not settings.enabled:",
        (f"{_AUTH}/test_tenants_served.py",),
    ),
    Protection(
        "the tenant in an owner's key",
        "providers/owners.py",
        'return self.user if self.tenant == DEFAULT_TENANT else f"{KEY_MARK}{self.tenant}{KEY_MARK}{self.user}"',
        (f"{_AUTH}/test_key_following.py::test_the_tenant_of_a_key_reaches_the_stores",),
        "return self.user",
    ),
    Protection("the signature of a token", "app/auth/tokens/tokens.py", "if not is_signed(token, key):", (_TOKENS,)),
    Protection(
        "algorithms of an issuer",
        "app/auth/tokens/tokens.py",
        "if head.alg not in issuer.settings.algorithms:",
        (f"{_TOKENS}/test_tokens.py",),
    ),
    Protection(
        "the audience of a token",
        "app/auth/tokens/claims.py",
        "if not set(named) & set(settings.audience):",
        (_CLAIMS,),
    ),
    Protection(
        "the end of a token", "app/auth/tokens/claims.py", "if now >= claims.exp + settings.leeway:", (_CLAIMS,)
    ),
    Protection(
        "link-local addresses",
        "app/auth/tokens/source.py",
        "return not refused and address not in _METADATA",
        (f"{_TOKENS}/test_key_sets.py::test_link_local_addresses_are_not_asked",),
        "return True",
    ),
    Protection(
        "redirects of an issuer",
        "app/auth/tokens/source.py",
        "follow_redirects=False",
        (f"{_TOKENS}/test_key_sets.py::test_a_redirect_is_not_followed",),
        "follow_redirects=True",
    ),
    Protection(
        "the signature of a user",
        "app/auth/contexts/contexts.py",
        "return any(hmac.compare_digest(signature, mac(secret.reveal(), text)) for secret in settings.secrets)",
        (_SIGNED,),
        "return True",
    ),
    Protection(
        "the method of a signed request",
        "app/auth/contexts/signature.py",
        "self.key, self.time, self.nonce, method)",
        (_SIGNED,),
        "self.key, self.time, self.nonce)",
    ),
    Protection("signatures of long ago", "app/auth/contexts/contexts.py", "if age > settings.max_age:", (_SIGNED,)),
    Protection(
        "signatures that are dated ahead", "app/auth/contexts/contexts.py", "if age < -settings.max_age:", (_SIGNED,)
    ),
    Protection(
        "signatures that count once",
        "app/auth/contexts/once.py",
        "if not await chain.journal.claim(once.name, str(uuid4()), once.seconds):",
        (_SIGNED,),
    ),
    Protection(
        "the body of a signed request",
        "app/auth/contexts/body.py",
        'if not message.get("more_body", False) and found.hexdigest() != digest:',
        (_SIGNED,),
    ),
    Protection(
        "the seal of a cursor",
        "app/http/cursors.py",
        "if not hmac.compare_digest(mark, self._mark(content)):",
        (_CURSORS, "tests/app/http/test_bad_input.py"),
    ),
    Protection(
        "the owner of a cursor", "app/http/cursors.py", "if place.owner != _owner_digest(query.owner):", (_CURSORS,)
    ),
    Protection("the query of a cursor", "app/http/cursors.py", "if place.query != _query_digest(query):", (_CURSORS,)),
    Protection("the end of a cursor", "app/http/cursors.py", "if self._now() >= place.until:", (_CURSORS,)),
    Protection(
        "parameters that are not known",
        "app/http/parameters.py",
        "if name not in known and name not in common:",
        ("tests/app/http/test_bad_input.py::test_a_parameter_that_would_be_ignored_is_refused",),
    ),
    Protection(
        "secrets that do not print",
        "observability/secret.py",
        "    def __repr__(self) -> str:\n        return MASK",
        ("tests/app/settings", "tests/observability"),
        "    def __repr__(self) -> str:\n        return self._value",
    ),
)
