"""`ninai completion`: have a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

_WHERE = {
    "bash": 'eval "$(ninai completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(ninai completion zsh)" in ~/.zshrc, after compinit',
    "fish": "ninai completion fish > ~/.config/fish/completions/ninai.fish",
}
_VARIABLE = "_NINAI_COMPLETE"


@click.command(epilog="  ".join(f"{shell}: {line}." for shell, line in _WHERE.items()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands and options of ninai."""
    script = get_completion_class(shell)
    if script is None:
        raise click.ClickException(f"completion for {shell} is not known")
    click.echo(script(context.find_root().command, {}, "ninai", _VARIABLE).source())
