"""The command line: ``python -m tapead``, or ``tapead``."""

import argparse
import os
import re
import sys

from tapead._cli_expression import CommandError
from tapead._version import __version__

FORMATS = "text", "markdown", "latex", "html", "csv", "json", "dot", "svg"
WITHOUT_VALUE = {"-h", "--help", "--interactive", "--quiet", "--version"}
DESCRIPTION = """\
Derivatives of formulas and of plain Python functions, the traces that show how they come about,
and nets trained by them. Without a command: a worked example that explains itself."""
EXAMPLES = """\
examples:
  tapead trace "ln(x1) + x1*x2 - sin(x2)" x1=2 x2=5
  tapead trace "ln(x1) + x1*x2 - sin(x2)" x1=2 x2=5 --tangent x1 --format html -o trace.html
  tapead trace "x**2 * exp(-y)" x=3 y=1 --interactive -o trace.html
  tapead trace package.module:function 2 5
  tapead grad "exp(-x**2 / 2)" x=pi/4
  tapead train digits --hidden 64 --epochs 20 --plot curve.png
"""


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit status: 0, 2 for input that makes no sense, 130 after Ctrl-C.
    """
    try:
        argv = _tidy(sys.argv[1:] if argv is None else argv)
        arguments = _parser(argv[:1]).parse_args(argv)
        text, ascii = _run(arguments)
        _write(text, ascii, getattr(arguments, "output", None))
    except CommandError as error:
        print("tapead:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader has gone, as in `tapead trace ... | head`; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise CommandError(f"{message} (see {self.prog} --help)")


def _parser(command):
    """The parser; arguments that need more than the engine are added for their command only."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="tapead", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"tapead {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="{trace,grad,train}")
    trace = commands.add_parser("trace", help="table of one run: every step and its derivatives")
    _add_function(trace)
    trace.add_argument(
        "--format", choices=FORMATS,
        help="text unless the name of FILE says otherwise",
    )  # fmt: skip
    trace.add_argument(
        "--tangent", action="append", metavar="NAME[=SEED]",
        help="add the tangent trace for this input, with a tangent of 1 or SEED",
    )  # fmt: skip
    trace.add_argument(
        "--interactive", action="store_true",
        help="a page to step through; its format is html",
    )  # fmt: skip
    trace.add_argument("-o", "--output", metavar="FILE", help="write to FILE")
    grad = commands.add_parser("grad", help="value and gradient")
    _add_function(grad)
    grad.add_argument("--format", choices=("text", "json"), default="text")
    train = commands.add_parser("train", help="a net on digits, wine, ... or on a file of yours")
    if command == ["train"]:
        from tapead import _cli_train

        _cli_train.add_arguments(train)
    return parser


def _add_function(parser):
    parser.add_argument(
        "function", metavar="EXPR",
        help='a formula, "x1*x2 - sin(x2)", or a Python function, package.module:function',
    )  # fmt: skip
    parser.add_argument(
        "values", nargs="*", metavar="NAME=VALUE",
        help="value of an input; for a Python function also VALUE alone, by position",
    )  # fmt: skip


def _tidy(argv):
    """Arguments with options first, and a space before a formula that begins with a minus."""
    command, rest = list(argv[:1]), iter(argv[1:])
    options, others = [], []
    for token in rest:
        if re.match(r"--\w|-[oh]$", token):
            options.append(token)
            if token not in WITHOUT_VALUE and "=" not in token:
                options += [value for value in [next(rest, None)] if value is not None]
        else:
            others.append(f" {token}" if token.startswith("-") and token != "--" else token)
    return [*command, *options, *others]


def _run(arguments):
    """What a command prints: the text, and its ASCII form if it has one."""
    from tapead import _cli

    if arguments.command is None:
        return _cli.example()
    if arguments.command == "train":
        from tapead import _cli_train

        return _cli_train.train(arguments), None
    function, values = arguments.function.strip(), [value.strip() for value in arguments.values]
    if arguments.command == "grad":
        return _cli.grad(function, values, arguments.format), None
    format = arguments.format
    if arguments.interactive:
        if format not in (None, "html"):
            raise CommandError(f"a page to step through is html; got --format {format}")
        format = "page"
    return _cli.trace(function, values, format, arguments.tangent, arguments.output)


def _write(text, ascii, path):
    text = text if text.endswith("\n") else text + "\n"
    if path is not None:
        try:
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror}") from None
        return
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
        sys.stdout.write(text)
    except UnicodeEncodeError:
        _write_encoded(text, ascii)
    sys.stdout.flush()


def _write_encoded(text, ascii):
    """To a terminal of few characters: ASCII, or for a document UTF-8 all the same."""
    if ascii is not None:
        sys.stdout.write(ascii if ascii.endswith("\n") else ascii + "\n")
    else:
        sys.stdout.buffer.write(text.encode())


if __name__ == "__main__":
    sys.exit(main())
