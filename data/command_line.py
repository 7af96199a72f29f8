"""The command line of all scripts here: options, and how they end."""

import argparse
import os
import pathlib
import signal
import sys


class WrongInput(Exception):
    """A fault that the caller of a script can mend: one line that says what, where, and what would be right."""


class OneLineParser(argparse.ArgumentParser):
    def error(self, message):
        raise WrongInput(f"{message}; see {self.prog} --help")


def share(text):
    value = float(text)
    if not 0 < value < 0.5:
        raise ValueError
    return value


def parser_of(description, sources):
    parser = OneLineParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, nargs=sources, metavar="SOURCE", help="what to read")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="the folder to write; must not exist")
    parser.add_argument("--check", action="store_true", help="only reads, checks and counts; writes nothing")
    parser.add_argument("--on-bad-record", choices=("fail", "skip"), default="fail",
                        help="what to do about a broken document (default: fail)")
    return parser


def add_held_out(parser):
    parser.add_argument("--held-out", type=share, default=0.01, metavar="SHARE",
                        help="the share of documents for test, and as many for validation, if the source has no split "
                        "of its own (default: 0.01)")


def progress(text):
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def stop(number, frame):
    raise SystemExit(128 + number)


def run(main):
    """Ends the process as every program here does: 0 done, 1 it failed, 2 the input is wrong and one line says how."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants
            signal.signal(number, stop)
    try:
        main()
        sys.stdout.flush()
    except WrongInput as error:
        sys.stdout.flush()
        sys.exit(refuse(error, 2))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # nobody reads the report any more; the output is there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(refuse(error, 1))


def refuse(error, code):
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code
