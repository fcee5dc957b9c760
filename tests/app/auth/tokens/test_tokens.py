"""Tokens prove whom their issuer signed them for, and nobody else."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from app.auth.credentials import Credential
from app.auth.refusals import CallerRefused
from app.auth.tokens.issuer import LEAST_SECONDS, Issuer
from app.auth.tokens.key_set import KeySet
from app.auth.tokens.tokens import MAX_TOKEN_CHARS, Tokens
from app.settings.auth import scopes_of
from providers.errors import InvalidInput
from tests.support.issuer import ISSUER, TokenIssuer, curve_key, issuer_settings, jwk, known, rsa_key

NOW = 1_800_000_000.0
LEEWAY = 30
_NO_SUBJECT = (
    'This token has a "sub" that is not 1 to 255 printable ASCII characters; a user\'s name belongs into another claim'
)
SOURCE = TokenIssuer()
RSA = TokenIssuer("RS256", rsa_key())


def shown(token: str) -> Credential:
    """A token as it comes in `Authorization`."""
    return Credential(token, bearer=True)


def coded(content: object) -> str:
    """Return a part of a token."""
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def decoded(token: str, index: int) -> dict[str, Any]:
    """Return what a part of a token says."""
    part: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[index] + "=="))
    return part


def accepting(source: TokenIssuer = SOURCE, now: float = NOW, **other: Any) -> Tokens:  # noqa: ANN401 - settings
    """Return the authentication of a service that knows this issuer."""
    return Tokens([known(source, **other)], lambda: now)


def refusal(tokens: Tokens, token: str) -> tuple[str, str]:
    """Return why a token is refused: the reason, and what its caller is told."""
    with pytest.raises(CallerRefused) as refused:
        tokens.identify(shown(token))
    return refused.value.reason, refused.value.detail


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", RSA.key), ("PS256", RSA.key), ("ES256", curve_key()), ("EdDSA", Ed25519PrivateKey.generate())],
)
def test_a_token_proves_its_subject(algorithm: str, key: Any) -> None:  # noqa: ANN401 - private keys of every kind
    """Signed by each algorithm that is accepted."""
    source = TokenIssuer(algorithm, key)
    identity = accepting(source, algorithms=[algorithm]).identify(shown(source.token(NOW)))

    assert identity.caller_for(None).user_id == "alice"
    assert (identity.tenant, identity.scopes) == ("default", scopes_of(["memory"]))
    assert identity.expires == NOW + 600 + LEEWAY
    with pytest.raises(CallerRefused) as refused:
        identity.caller_for("bob")
    assert refused.value.detail == "This token is for its own user alone; name nobody"


def test_a_renewed_token_is_the_same_caller() -> None:
    """Its id is by issuer and subject, names neither, and is no name of a key."""
    tokens = accepting()
    one, other = (tokens.identify(shown(SOURCE.token(NOW - past, jti=str(past)))) for past in (0, 9))
    bob = tokens.identify(shown(SOURCE.token(NOW, sub="bob")))

    assert one.id == other.id == "jwt:" + hashlib.sha256(f"{ISSUER}\0alice".encode()).hexdigest()[:40]
    assert bob.id != one.id
    assert len(tokens) == 3


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"exp": NOW - LEEWAY}, ("expired", "This token has expired")),
        ({"nbf": NOW + LEEWAY + 1}, ("early", "This token does not count yet")),
        ({"iat": NOW + LEEWAY + 1}, ("early", "This token does not count yet")),
        ({"aud": "another"}, ("unknown", "This token is for another audience")),
        ({"aud": []}, ("unknown", "This token is for another audience")),
        ({"nbf": None}, ("malformed", 'This token lacks the claim "nbf"')),
        *(
            ({claim: None}, ("malformed", f'This token lacks "{claim}"'))
            for claim in ("exp", "iat", "aud", "iss", "sub")
        ),
        ({"sub": ""}, ("malformed", _NO_SUBJECT)),
        ({"sub": "a" * 256}, ("malformed", _NO_SUBJECT)),
        ({"sub": "a\nb"}, ("malformed", _NO_SUBJECT)),
        ({"sub": "தமிழ்"}, ("malformed", _NO_SUBJECT)),
    ],
)
def test_a_token_must_be_for_this_service_and_count_now(other: dict[str, Any], expected: tuple[str, str]) -> None:
    """Whoever signed it."""
    assert refusal(accepting(), _signed(other)) == expected


def _signed(claims: dict[str, Any], source: TokenIssuer = SOURCE) -> str:
    """Sign claims also where the library that signs would refuse them."""
    head = {"alg": source.algorithm, "kid": source.kid}
    return _sealed(source, head, source.claims(NOW, **claims))


def _sealed(source: TokenIssuer, head: dict[str, Any], claims: dict[str, Any]) -> str:
    from jwt.algorithms import get_default_algorithms

    text = f"{coded(head)}.{coded(claims)}"
    signature = get_default_algorithms()[source.algorithm].sign(text.encode(), source.key)
    return f"{text}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "other",
    [
        {"exp": NOW - LEEWAY + 1},
        {"nbf": NOW + LEEWAY},
        {"iat": NOW + LEEWAY},
        {"aud": ["another", "ninai"]},
        {"sub": "a" * 255},
    ],
)
def test_a_token_that_just_counts_is_accepted(other: dict[str, Any]) -> None:
    """The other side of each limit."""
    assert accepting().identify(shown(_signed(other))).tenant == "default"


def test_nbf_may_be_left_out_where_the_settings_say_so() -> None:
    """Many issuers know no `nbf`; one that is there counts."""
    tokens = accepting(nbf_required=False)

    assert tokens.identify(shown(SOURCE.token(NOW, nbf=None))).tenant == "default"
    assert refusal(tokens, _signed({"nbf": NOW + LEEWAY + 1}))[0] == "early"


def test_a_token_of_another_issuer_is_refused() -> None:
    """By its name, and by its signature."""
    assert refusal(accepting(), SOURCE.token(NOW, iss="https://other.example"))[0] == "unknown"
    assert refusal(accepting(), TokenIssuer().token(NOW))[0] == "unknown"


def test_one_issuer_does_not_speak_for_another() -> None:
    """Also if both are known here, and their keys have the same id."""
    theirs = TokenIssuer()
    tokens = Tokens([known(SOURCE), known(theirs, issuer="https://theirs.example")], lambda: NOW)

    assert tokens.identify(shown(theirs.token(NOW, iss="https://theirs.example"))).id
    assert refusal(tokens, theirs.token(NOW))[0] == "unknown"


def test_a_token_without_a_signature_is_refused() -> None:
    """Whatever it says of its algorithm: `none`, in any letters, or a good one."""
    head, claims, _ = SOURCE.token(NOW).split(".")
    for alg in ("none", "None", "NONE", "nOnE", ""):
        unsigned = f"{coded({**decoded(f'{head}.', 0), 'alg': alg})}.{claims}."

        assert accepting().takes(shown(unsigned))
        assert refusal(accepting(), unsigned)[0] == "malformed"
    assert refusal(accepting(), f"{head}.{claims}.")[0] == "unknown"


def test_a_public_key_is_no_secret_of_an_hmac() -> None:
    """Who knows the public key, as everybody does, could sign with it as if it were a secret."""
    public = RSA.key.public_key()
    pems = [public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), RSA.key_set]
    tokens = accepting(RSA, algorithms=["RS256", "ES256"])
    for secret in [*pems, json.dumps(jwk(RSA.key, RSA.kid)).encode()]:
        text = f"{coded({'alg': 'HS256', 'kid': RSA.kid})}.{coded(RSA.claims(NOW))}"
        mac = urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).decode().rstrip("=")

        assert refusal(tokens, f"{text}.{mac}")[0] == "malformed"


def test_a_key_is_used_for_its_own_algorithm_alone() -> None:
    """A key of one type does not verify the other's tokens, and one that names its algorithm no others."""
    fixed = TokenIssuer("RS256", RSA.key)
    fixed.published = [jwk(RSA.key, fixed.kid, alg="PS256")]
    tokens = accepting(fixed, algorithms=["RS256", "PS256", "ES256"])

    assert refusal(tokens, fixed.token(NOW))[0] == "unknown"
    assert refusal(tokens, SOURCE.token(NOW))[0] == "unknown"
    fixed.algorithm = "PS256"
    assert tokens.identify(shown(fixed.token(NOW))).tenant == "default"


def test_an_algorithm_that_is_not_allowed_is_refused() -> None:
    """Also if the key could do it."""
    assert refusal(accepting(RSA, algorithms=["PS256"]), RSA.token(NOW))[0] == "malformed"


def test_a_token_cannot_bring_its_own_key() -> None:
    """Keys, addresses and certificates in the head are not heeded, whatever the id names."""
    mine = TokenIssuer()
    for kid in (mine.kid, "k9", "../../dev/null", "' OR 1=1 --", "http://evil.example/k"):
        head = {"kid": kid, "jwk": jwk(mine.key, kid), "jku": "http://evil.example/jwks", "x5u": "http://evil.example"}

        assert refusal(accepting(), mine.token(NOW, head))[0] == "unknown"


def test_what_a_token_calls_critical_is_refused() -> None:
    """Nothing is known here that could be; a signature over something else is one of these."""
    heads: list[dict[str, Any]] = [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}]
    for head in heads:
        sealed = _sealed(SOURCE, {"alg": "ES256", "kid": SOURCE.kid, **head}, SOURCE.claims(NOW))

        assert refusal(accepting(), sealed)[0] == "unknown"


def test_a_token_without_a_key_id_is_accepted_where_there_is_one_key() -> None:
    """With two it would have to be tried which one."""
    source = TokenIssuer()
    assert accepting(source).identify(shown(source.token(NOW, {"kid": None}))).tenant == "default"
    source.rotate()

    assert refusal(accepting(source), source.token(NOW, {"kid": None}))[0] == "unknown"


@pytest.mark.parametrize(
    ("settings", "claims", "expected"),
    [
        ({}, {"scope": "memory:read openid admin"}, ["memory:read"]),
        ({}, {"scope": None}, []),
        ({"default_scopes": ["memory:read", "admin"]}, {"scope": None}, ["memory:read"]),
        ({"default_scopes": ["memory"]}, {"scope": ""}, []),
        ({"scopes": ["memory", "admin"]}, {"scope": ["admin:read", 7]}, ["admin:read"]),
        ({"scope_claim": "realm.roles"}, {"realm": {"roles": ["memory"]}}, ["memory"]),
        ({"scope_claim": "https://x.example/s"}, {"https://x.example/s": "memory"}, ["memory"]),
        ({"scope_prefix": "ninai/"}, {"scope": "ninai/memory:write memory:read"}, ["memory:write"]),
        ({}, {"scope": {"memory": True}}, []),
    ],
)
def test_scopes_are_claimed_and_limited(settings: dict[str, Any], claims: dict[str, Any], expected: list[Any]) -> None:
    """A token has the scopes that it claims, of those that its issuer may give."""
    assert accepting(**settings).identify(shown(SOURCE.token(NOW, **claims))).scopes == scopes_of(expected)


def test_the_user_is_in_a_claim() -> None:
    """One is meant where nobody is named; of several the request names one; or any may be named."""
    one = accepting(user_claim="act.for").identify(shown(SOURCE.token(NOW, act={"for": "தமிழ்"})))
    several = accepting(user_claim="users").identify(shown(SOURCE.token(NOW, users=["bob", "carol"])))
    anybody = accepting(any_user=True).identify(shown(SOURCE.token(NOW)))

    assert one.caller_for(None).user_id == "தமிழ்"
    assert several.caller_for("carol").user_id == "carol"
    assert anybody.caller_for("dave").user_id == "dave"
    with pytest.raises(InvalidInput, match="is required with this token"):
        several.caller_for(None)
    with pytest.raises(CallerRefused, match="This token does not speak for this user"):
        several.caller_for("alice")


def test_owners_that_a_token_reads_are_in_a_claim() -> None:
    """Each after a prefix; without the claim it reads its user's memories alone, and one that is no list is refused."""
    tokens = accepting(reads_claim="groups", reads_prefix="team:")
    member = tokens.identify(shown(SOURCE.token(NOW, groups=["sales", "support"])))
    nobody = tokens.identify(shown(SOURCE.token(NOW)))

    assert member.caller_for("team:support", reading=True).user_id == "team:support"
    for identity, named, reading in (
        (member, "team:sales", False),
        (member, "sales", True),
        (nobody, "team:sales", True),
    ):
        with pytest.raises(CallerRefused, match="own user alone"):
            identity.caller_for(named, reading=reading)
    for groups in (7, [7], ["a\0"], ["g"] * 101):
        assert refusal(tokens, SOURCE.token(NOW, groups=groups))[0] == "malformed"


@pytest.mark.parametrize("user", [None, "", 7, [], [7], ["a", ""], {"a": 1}, "a" * 257, ["u"] * 101, "a\0b"])
def test_a_claim_of_users_that_names_none_is_refused(user: object) -> None:
    """Nothing else takes its place."""
    assert refusal(accepting(user_claim="who"), SOURCE.token(NOW, who=user))[0] == "malformed"


def test_the_tenant_is_a_setting_or_a_claim() -> None:
    """The claim must be there, and be the name of a tenant."""
    fixed = accepting(tenant="acme").identify(shown(SOURCE.token(NOW, org="globex")))
    claimed = accepting(tenant="acme", tenant_claim="org").identify(shown(SOURCE.token(NOW, org="globex")))

    assert (fixed.tenant, claimed.tenant) == ("acme", "globex")
    for org in (None, "", "A", "a b", ["acme"], "a" * 64, "globex\n"):
        assert refusal(accepting(tenant_claim="org"), SOURCE.token(NOW, org=org))[0] == "malformed"


def test_a_token_that_was_seen_is_not_verified_again() -> None:
    """Until it ends, and while its issuer's keys stay the same."""
    now = [NOW]
    issuer = known(SOURCE)
    tokens = Tokens([issuer], lambda: now[0])
    token = SOURCE.token(NOW)
    first = tokens.identify(shown(token))

    assert tokens.identify(shown(token)) is first
    now[0] = NOW + 600 + LEEWAY - 1
    assert tokens.identify(shown(token)) is first
    now[0] += 1
    assert refusal(tokens, token)[0] == "expired"
    assert len(tokens) == 0


def test_a_withdrawn_key_ends_the_tokens_that_it_signed() -> None:
    """Those that were seen before as well."""
    source = TokenIssuer()
    issuer = known(source)
    tokens, token = Tokens([issuer], lambda: NOW), source.token(NOW)
    assert tokens.identify(shown(token)).id
    source.rotate(withdraw=True)
    issuer.keys = KeySet(source.key_set, issuer.settings.algorithms)

    assert refusal(tokens, token)[0] == "unknown"


def test_what_is_remembered_is_bounded() -> None:
    """The oldest is forgotten, and verified anew."""
    tokens = Tokens([known(SOURCE)], lambda: NOW, most=3)
    shows = [shown(SOURCE.token(NOW, jti=number)) for number in range(4)]
    first, second, *_ = [tokens.identify(one) for one in shows]

    assert len(tokens) == 3
    assert tokens.identify(shows[1]) is second
    assert tokens.identify(shows[0]) is not first


def test_a_token_has_a_length() -> None:
    """The longest is read, one character more is not."""
    filled: dict[str, Any] = {"filler": "x" * 3_000}
    short = SOURCE.token(NOW, **filled)
    # Three characters of the claim are four of the token.
    filled["filler"] += "x" * ((MAX_TOKEN_CHARS - len(short)) * 3 // 4)
    longest = SOURCE.token(NOW, **filled)
    filled["filler"] += "xxx"

    assert MAX_TOKEN_CHARS - 4 <= len(longest) <= MAX_TOKEN_CHARS < len(SOURCE.token(NOW, **filled))
    assert accepting().identify(shown(longest)).id
    assert refusal(accepting(), SOURCE.token(NOW, **filled)) == ("malformed", "A token has at most 8192 characters")


def test_an_unknown_key_is_looked_for_once_a_minute() -> None:
    """Meanwhile its callers are asked to try again; afterwards they are refused."""
    clock = [0.0]
    issuer = Issuer("company", issuer_settings(), lambda: clock[0])
    tokens, source = Tokens([issuer], lambda: NOW), TokenIssuer()
    token = source.token(NOW)

    assert refusal(tokens, token)[0] == "issuer"
    issuer.keys = KeySet(SOURCE.key_set, ["ES256"])
    issuer.looked()
    source.rotate()
    token = source.token(NOW)
    clock[0] = LEAST_SECONDS - 0.1
    assert (refusal(tokens, token)[0], issuer.wanted.is_set()) == ("unknown", False)
    clock[0] = LEAST_SECONDS
    assert (refusal(tokens, token)[0], issuer.wanted.is_set()) == ("issuer", True)
    issuer.looked()
    assert (refusal(tokens, token)[0], issuer.wanted.is_set()) == ("unknown", False)


def test_only_bearers_of_the_form_are_tokens() -> None:
    """What comes as `X-API-Key`, and what has another form, is for the keys."""
    token = SOURCE.token(NOW)
    tokens = accepting()

    assert tokens.takes(shown(token))
    assert not tokens.takes(Credential(token))
    for text in ("ninai_a_b", "a.b.c", f"{token}.x", f"{token}é", token.replace(".", " "), f"{token}\n", "eyJ.."):
        assert not tokens.takes(shown(text))


PARTS = st.one_of(
    st.binary(max_size=60).map(lambda content: urlsafe_b64encode(content).decode().rstrip("=")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "iss"]), inner),
    ).map(coded),
)


@given(head=PARTS, claims=PARTS, signature=PARTS)
def test_nothing_that_is_shown_breaks_the_reader(head: str, claims: str, signature: str) -> None:
    """It is refused, and nothing else is raised."""
    tokens = accepting()
    for token in (f"{head}.{claims}.{signature}", f"{coded({'alg': 'ES256'})}.{claims}.{signature}"):
        assert refusal(tokens, token)[0] in {"malformed", "unknown"}


def test_deep_claims_are_refused() -> None:
    """More brackets than the reader's stack has room for."""
    deep = urlsafe_b64encode(b'{"a":' + b"[" * 5_000).decode().rstrip("=")

    assert refusal(accepting(), f"{coded({'alg': 'ES256'})}.{deep}.x")[0] == "malformed"
