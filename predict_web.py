"""A page in the browser: see what was found, correct it, repair, compare; needs no PyTorch.

python predict_web.py
python predict_web.py --photo_dir photos --save_dir cleaned
"""

import argparse
import contextlib
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from utils.flags import EXIT_USAGE, add_switch, positive_int, print_any_name, run_script
from utils.options import add_removal_flags, add_writing_flags, removal_options
from utils.runtime.shipped import add_graph_flags

if TYPE_CHECKING:
    from utils.places import FolderOptions
    from web.session import Workshop

PROGRAM = "predict_web.py"
ABOUT = "Remove what covers photographed documents, on a page in the browser."
EVERYWHERE = ("0.0.0.0", "::")  # addresses to listen on that mean all of a machine's
TOKEN_BYTES = 24  # of the secret in the page's address
MOST_CONNECTIONS = 200  # at a time


def build_parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """The flags of this script; `program`: what messages call it."""
    parser = argparse.ArgumentParser(prog=program, description=ABOUT)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in (default %(default)s)"
    )
    parser.add_argument("--port", type=_port, default=8765, help="port; 0 takes a free one (default %(default)s)")
    parser.add_argument(
        "--allowed_hosts",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names under which browsers reach it beside localhost and --host, as behind a proxy",
    )
    parser.add_argument("--photo_dir", help="offer the photos of this folder of the server")
    parser.add_argument("--save_dir", default="test_img_predict", help="where their results go (default %(default)s)")
    add_switch(parser, "--recursive", False, "read subfolders of --photo_dir too, and mirror them")
    parser.add_argument(
        "--max_upload_mb", type=positive_int, default=200, help="refuse larger files (default %(default)s)"
    )
    add_graph_flags(parser)
    add_removal_flags(parser)
    add_writing_flags(parser.add_argument_group("files"))
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text!r}")
    return int(text)


def main(argv: list[str] | None = None, program: str = PROGRAM) -> int:
    """Run the script until it is interrupted; returns the exit status: 0, 2 for wrong usage.

    Args:
        argv: the command line; None takes the process's own.
        program: what messages call it.
    """
    args = build_parser(program).parse_args(argv)
    print_any_name()
    # Imported here so that --help does not wait for them.
    from utils.memory import keep_freed_memory

    keep_freed_memory(shared=True)  # before the libraries below start their threads
    try:
        import uvicorn

        from web.album import Album
        from web.guard import LOCAL_HOSTS
        from web.server import build_app
        from web.store import Store
        from web.workspace import workspace
    except ModuleNotFoundError as error:
        hint = "pip install -r requirements-web.txt, or occluder-removal[web]"
        print(f"{program}: the page needs the package {error.name}: {hint}", file=sys.stderr)
        return EXIT_USAGE
    with contextlib.ExitStack() as stack:
        try:
            folder = _folder_options(args)
            listening = stack.enter_context(_listening(args.host, args.port))
            workshop, description = _workshop(args)
            store = Store(stack.enter_context(workspace()), workshop, max_upload_bytes=args.max_upload_mb * 2**20)
            album = None if folder is None else Album(folder, workshop, store)
        except (ValueError, OSError) as error:
            print(f"{program}: {error}", file=sys.stderr)
            return EXIT_USAGE
        token, port = secrets.token_urlsafe(TOKEN_BYTES), listening.getsockname()[1]
        is_everywhere = args.host in EVERYWHERE
        hosts = (*LOCAL_HOSTS, args.host, *args.allowed_hosts, *([socket.gethostname()] if is_everywhere else ()))
        app = build_app(workshop, store, album, token, hosts, is_everywhere)
        print(f"running on {description}")
        shown = socket.gethostname() if is_everywhere else f"[{args.host}]" if ":" in args.host else args.host
        print(f"open http://{shown}:{port}/#token={token}", "(Ctrl-C ends it)", flush=True)
        if args.host not in LOCAL_HOSTS:
            note = "everyone who knows this address can use the page; what is sent is not encrypted on its way"
            print(f"note: {note}", file=sys.stderr, flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=5,
        )
        # uvicorn ends orderly at both and raises them again afterwards; without a handler the second would end it here
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens, bound before anything is loaded.

    Raises:
        OSError: the address cannot be had; the message names the flag.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise OSError(f"--host {host} --port {port}: cannot be listened on ({error.strerror}); try --port 0") from None
    return bound


def _folder_options(args: argparse.Namespace) -> "FolderOptions | None":
    """What the flags say about the folder of photos, made ready; None without one.

    Raises:
        ValueError, OSError: it names the flag that cannot be used.
    """
    from utils import images
    from utils.places import FolderOptions, check_folders, make_target

    if args.photo_dir is None:
        return None
    for name in ("photo_dir", "save_dir"):
        if not getattr(args, name):
            raise ValueError(f"--{name} '': name a folder")
    folder = FolderOptions(
        Path(args.photo_dir),
        Path(args.save_dir),
        recursive=args.recursive,
        mark=args.mark,
        jpeg=args.jpeg,
        max_pixels=args.max_pixels or images.MAX_PIXELS,
    )
    try:
        check_folders(folder)
    except (ValueError, OSError) as error:
        raise type(error)(str(error).replace("--src_image_dir", "--photo_dir")) from None
    make_target(folder)
    return folder


def _workshop(args: argparse.Namespace) -> "tuple[Workshop, str]":
    """The networks, loaded, and in one line what they run on.

    Both are loaded, that the page can offer every mode; where there is no generator's graph and none is asked for, the
    page offers the mode that does without.

    Raises:
        ValueError, OSError: they cannot be, or the flags cannot be used.
    """
    from dataclasses import replace

    from utils import images
    from utils.done import weights_of
    from utils.remover import OccluderRemover
    from utils.runtime import onnx_backend
    from web.jobs import Jobs
    from web.session import Workshop

    if args.compat:
        raise ValueError("--compat True is the published flow, which takes no corrections; predict_onnx.py has it")
    options = removal_options(args)
    needs_both = not options.without_network or Path(args.deepfillv2_onnx).is_file()
    loaded, description = onnx_backend.load_remover(
        args.deeplabv3_onnx,
        args.deepfillv2_onnx,
        replace(options, structure="auto") if needs_both else options,
        args.provider,
        args.imgsize,
        args.imgresize,
    )
    remover = OccluderRemover(loaded.segmenter, loaded.inpainter, options)
    max_pixels = args.max_pixels or images.MAX_PIXELS
    weights = weights_of(args.deeplabv3_onnx, args.deepfillv2_onnx, args.imgsize, args.imgresize)
    workshop = Workshop(
        remover,
        loaded.inpainter,
        Jobs(),
        jpeg=args.jpeg,
        mark=args.mark,
        weights=weights,
        max_pixels=max_pixels,
    )
    return workshop, description


if __name__ == "__main__":
    run_script(main)
