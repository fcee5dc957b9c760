"""By what each block of code on the pages is tried, or why it is not."""

from collections.abc import Mapping

README = "tests/deploy/documented/test_readme_typed.py"
PAGES = "tests/deploy/documented/test_pages_typed.py"
SETTINGS = "tests/deploy/documented/test_examples.py"

# By page and the beginning of the block: the test that runs it, on a real service or a real database.
TRIED: Mapping[tuple[str, str], str] = {
    ("README.md", "$ make serve"): README,
    ("README.md", "$ curl"): README,
    ("README.md", "$ export NINAI__ORDER"): README,
    ("README.md", "$ .venv/bin/ninai"): README,
    ("README.md", "$ make test"): "tests/deploy/test_readme.py",
    ("CONTRIBUTING.md", "app  "): "tests/deploy/test_map.py",
    ("deploy/docs/accountability.md", '{"seq"'): PAGES,
    ("deploy/docs/accountability.md", "$ ninai audit search"): PAGES,
    ("deploy/docs/accountability.md", "$ ninai mode"): PAGES,
    ("deploy/docs/accountability.md", "[limits.key]"): SETTINGS,
    ("deploy/docs/accountability.md", "[limits]"): SETTINGS,
    ("deploy/docs/accountability.md", "[quotas.user]"): SETTINGS,
    ("deploy/docs/accountability.md", "[[retention.rules]]"): SETTINGS,
    ("deploy/docs/accountability.md", '{"by"'): "tests/app/usage/test_usage.py",
    ("deploy/docs/accountability.md", "$ ninai retention plan"): "tests/app/controllers/test_retention.py",
    ("deploy/docs/operations.md", "$ ninai keys new support"): "tests/app/cli/test_cli_keys.py",
    ("deploy/docs/accountability.md", "RateLimit-Policy"): "tests/app/rates/test_limiter.py",
    ("deploy/docs/api.md", "{\n"): PAGES,
    ("deploy/docs/api.md", "$ curl"): PAGES,
    ("deploy/docs/backup.md", "$ ninai backup /srv/backups/monday"): PAGES,
    ("deploy/docs/backup.md", "$ ninai backup verify"): PAGES,
    ("deploy/docs/backup.md", "$ ninai restore"): "tests/app/backup/test_backup_command.py",
    ("deploy/docs/clients.md", "from ninaivalaigal"): PAGES,
    ("deploy/docs/clients.md", "$ ninai remember"): PAGES,
    ("deploy/docs/clients.md", "[extraction]"): SETTINGS,
    ("deploy/docs/keys.md", "$ export NINAI__AUTH__MODE"): PAGES,
    ("deploy/docs/keys.md", "$ curl"): PAGES,
    ("deploy/docs/keys.md", "$ ninai keys"): PAGES,
    ("deploy/docs/keys.md", "[auth.keys.agent]"): SETTINGS,
    ("deploy/docs/operations.md", "$ ninai config check"): "tests/deploy/test_documentation.py",
    (
        "deploy/docs/operations.md",
        "$ .venv/bin/ninai providers test mem0",
    ): "tests/app/cli/test_cli_providers_test_mem0.py",
    ("deploy/docs/operations.md", "remember, identity"): "tests/app/cli/test_cli_providers_test_mem0.py",
    ("deploy/docs/operations.md", "$ ninai providers diff"): "tests/app/cli/test_cli_stores.py",
    ("deploy/docs/portability.md", "$ ninai export"): PAGES,
    ("deploy/docs/portability.md", "$ ninai import"): PAGES,
    ("deploy/docs/redis.md", "$ redis-server"): SETTINGS,
    ("deploy/docs/signed-users.md", "[auth]"): SETTINGS,
    ("deploy/docs/signed-users.md", "X-Signature"): "tests/app/auth/test_signed_contexts.py",
    ("deploy/docs/signed-users.md", "import hashlib"): "tests/app/auth/test_signed_contexts.py",
    ("deploy/docs/stores.md", "$ ninai providers"): "tests/app/cli/test_cli_providers.py",
    ("deploy/docs/stores.md", "$ ninai journal adopt"): "tests/app/cli/test_cli_adopt.py",
    ("deploy/docs/tenants.md", "   [tenants]"): SETTINGS,
    ("deploy/docs/tokens.md", "[auth]"): SETTINGS,
    ("deploy/docs/tokens.md", "$ printf"): SETTINGS,
    ("deploy/haproxy/README.md", "$ "): "tests/deploy/test_haproxy.py",
    ("deploy/pgbouncer/README.md", "[providers"): SETTINGS,
    ("app/client/python/README.md", "from ninaivalaigal"): PAGES,
    ("app/client/typescript/README.md", "$ npm"): "tests/clients/test_typescript_package.py",
}
# By page and the beginning of the block: what is missing here that it needs.
NOT_TRIED: Mapping[tuple[str, str], str] = {
    (
        "app/client/typescript/README.md",
        "import { MemoryClient",
    ): "needs Node.js; `make clients` runs a program like it",
    ("app/client/typescript/README.md", "import { generateText"): "needs a language model",
    ("deploy/docs/backup.md", "# install -d"): "changes /etc/cron.d of the machine",
    ("deploy/docs/backup.md", "$ ninai backup /srv/backups/before"): "changes the installed version of the machine",
    ("deploy/docs/clients.md", "$ claude mcp add"): "needs Claude Code",
    ("deploy/docs/encryption.md", "# cryptsetup"): "needs a disk of its own",
    ("deploy/docs/encryption.md", "$ ninai backup"): "needs age, and a key of somebody",
    ("deploy/docs/mem0.md", "$ MEM0_API_KEY"): "needs mem0's own server",
    ("deploy/docs/mem0.md", "$ docker"): "needs a container engine",
    ("deploy/docs/tenants.md", "CREATE ROLE"): "needs a server that takes passwords",
    ("deploy/grafana/README.md", "$ "): "needs Grafana, and a container engine",
    ("deploy/kubernetes/README.md", "$ "): "needs a cluster",
    ("deploy/pgbouncer/README.md", "ALTER ROLE"): "changes a role, and shows in plans alone",
    ("deploy/prometheus/README.md", "$ "): "needs Prometheus",
    ("deploy/systemd/README.md", "# "): "changes the machine",
}
