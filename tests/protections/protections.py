"""The protections by name: where each one stands, what is put in its place, and the tests that notice."""

from msgspec import Struct

_AUTH, _TOKENS = "tests/app/auth", "tests/app/auth/tokens"
_SIGNED, _CURSORS = f"{_AUTH}/test_signed_contexts.py", "tests/app/http/test_cursors.py"
_OPERATORS, _ERASURES = f"{_AUTH}/test_operators_users.py", "tests/app/erasure/test_erasures.py"
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
    Protection(
        "users of the feed of all",
        "app/admin/feed_service.py",
        "if self._sees(Owner.of_key(change.state.user_id))",
        (f"{_OPERATORS}::test_the_feed_of_all_users_is_of_those_that_a_key_is_for",),
        "if True",
    ),
    Protection(
        "users of one tenant among namesakes",
        "app/auth/caller.py",
        "return None if self.tenant == DEFAULT_TENANT and self.users.anybody else self.tenant",
        (_OPERATORS, "tests/app/console/browser/test_users.py"),
        "return None if self.tenant == DEFAULT_TENANT else self.tenant",
    ),
    Protection(
        "texts in quarantine in the feed of all",
        "app/http/feed_schemas.py",
        "if told.memory is not None and (hiding := quarantines.hiding(owner, state.source)) is not None:",
        ("tests/app/controllers/test_admin_feed.py::test_what_is_in_quarantine_has_no_text",),
    ),
    Protection(
        "the audit of the feed of all",
        "app/admin/feed_service.py",
        "self.audit.told([change for change, _ in changes])",
        ("tests/app/controllers/test_admin_feed.py::test_the_audit_tells_whose_memories_were_shown",),
        "pass",
    ),
    Protection(
        "the owner of a feed's cursor",
        "app/http/feed_cursors.py",
        "if cursor.owner != _owner_digest(query.owner):",
        ("tests/app/controllers/test_feed.py::test_users_have_feeds_of_their_own",),
    ),
    Protection(
        "the kind of a cursor of the feed of all",
        "app/http/journal_cursors.py",
        "cursor.kind != _KIND",
        ("tests/app/controllers/test_admin_changes.py::test_a_sealed_text_of_another_kind_is_no_cursor_of_the_feed",),
        "False",
    ),
    Protection(
        "users of an erasure by an operator",
        "app/erasure/service.py",
        "owner = self.identity.caller_for(user_id).owner",
        (f"{_OPERATORS}::test_an_erasure_is_of_a_user_that_the_key_is_for",),
        "owner = Owner(user_id, self.identity.tenant)",
    ),
    Protection(
        "the scope of an export by an operator",
        "app/admin/export_service.py",
        'self.identity.require("memory:export")',
        (f"{_OPERATORS}::test_an_export_is_of_a_user_that_the_key_is_for", f"{_AUTH}/test_routes.py"),
        "pass",
    ),
    Protection(
        "users of an export by an operator",
        "app/admin/export_service.py",
        "owner = self.identity.caller_for(user_id).owner",
        (f"{_OPERATORS}::test_an_export_is_of_a_user_that_the_key_is_for",),
        'owner = __import__("providers.owners", fromlist=["Owner"]).Owner(user_id, self.identity.tenant)',
    ),
    Protection(
        "paths that are no UTF-8",
        "app/http/target.py",
        '_require("path", unquote_to_bytes(request.scope["raw_path"].partition(b"?")[0]))',
        (f"{_ERASURES}::test_bytes_that_are_no_utf_8_name_nobody",),
        "pass",
    ),
    Protection(
        "values of a query that are no UTF-8",
        "app/http/target.py",
        '_require(name, value.encode(errors="surrogateescape"))',
        (f"{_ERASURES}::test_bytes_that_are_no_utf_8_name_nobody",),
        "pass",
    ),
    Protection(
        "fences of puts by key",
        "providers/erasure/fenced.py",
        "self._fences.version_of(owner) == NEVER_ERASED and self._replica.puts_keyed(owner)",
        ("tests/providers/erasure/test_fenced.py::test_of_who_was_erased_nothing_is_put_in_one_statement",),
        "self._replica.puts_keyed(owner)",
    ),
    Protection(
        "routes in metrics that nobody asked",
        "observability/metrics/operations.py",
        "if (method, route) not in self._routes:",
        ("tests/observability/test_metrics.py::test_a_route_has_series_from_its_first_request_on",),
    ),
    Protection(
        "row-level security",
        "providers/native/row_security.py",
        "ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        ("tests/providers/native/test_row_security.py",),
        "ENABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
    ),
)
