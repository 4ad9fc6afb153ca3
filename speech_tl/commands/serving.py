"""`serve`, `demo` and `live`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speech_tl.commands.options import (
    MODEL,
    AllowHost,
    AllowOrigin,
    AudioContext,
    BatchSeconds,
    Engine,
    Host,
    Language,
    Model,
    TokenFile,
    decoding_options,
)
from speech_tl.commands.terminal import new_console
from speech_tl.errors import BadInput

if TYPE_CHECKING:
    from speech_tl.models.options import DecodingOptions


def serve(
    model: Annotated[list[str], typer.Option(help=f"{MODEL} Repeatable; NAME=MODEL gives it a name for clients.")],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    token_file: TokenFile = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the speech where a client names none; by default it is heard.")
    ] = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    max_upload_mb: Annotated[float, typer.Option(min=0.001, help="Largest upload.")] = 500.0,
    max_hours: Annotated[float, typer.Option(min=0.001, help="Longest recording.")] = 4.0,
    max_requests: Annotated[int, typer.Option(min=1, help="Requests at once; one more is told to come again.")] = 128,
    max_live: Annotated[int, typer.Option(min=1, help="Live sessions at once.")] = 8,
    batch_seconds: BatchSeconds = None,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
) -> None:
    """Transcribe for other programs over HTTP, as OpenAI's endpoints for audio do; live sessions over WebSocket."""
    limits = {"upload_bytes": int(max_upload_mb * 1e6), "longest_s": max_hours * 3600}
    _serve(
        model,
        (host, port, token_file, allow_host or [], allow_origin or []),
        limits | {"requests": max_requests, "live_sessions": max_live},
        language=language,
        options=decoding_options(batch_seconds, engine, audio_context, False),
    )


def demo(
    before: Annotated[str, typer.Option(help=f"The model before its adaptation. {MODEL}")],
    after: Annotated[str, typer.Option(help="The adapted model.")],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8766,
    token_file: TokenFile = None,
    language: Language = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
) -> None:
    """Show two models side by side in the browser: what each makes of a recording, a file, or live speech."""
    where = (host, port, token_file, allow_host or [], allow_origin or [])
    _serve([f"before={before}", f"after={after}"], where, {}, language=language, compare=True)


def live(
    model: Model,
    input: Annotated[str | None, typer.Option(help="A recording instead of the microphone.")] = None,
    real_time: Annotated[bool, typer.Option("--real-time", help="With --input: as fast as it was spoken.")] = False,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Sound from standard input: 16-bit little-endian mono samples, no header.")
    ] = False,
    sample_rate: Annotated[int, typer.Option(help="Of --stdin, in Hz.")] = 16000,
    device: Annotated[str | None, typer.Option(help="Microphone: a number or a part of its name.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of the speech, e.g. en; by default it is heard.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="transcribe, or translate into English.")] = None,
    step: Annotated[float, typer.Option(help="Seconds of new speech after which it is decoded again.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One message a line, with times.")] = False,
    engine: Engine = None,
    audio_context: AudioContext = "auto",
) -> None:
    """Write what is spoken into the microphone while it is spoken: grey until it is certain."""
    from speech_tl.screen import announce_loading

    announce_loading()
    from speech_tl.live.running import open_source, run_live
    from speech_tl.serving.opening import require_recognisers
    from speech_tl.transcribing.recogniser import load_recogniser

    if not 0.2 <= step <= 10:
        raise BadInput(f"--step {step:g}: expected 0.2 to 10 seconds")
    require_recognisers([model])
    options = decoding_options(None, engine, audio_context, False)
    with open_source(input, stdin=stdin, real_time=real_time, device=device, stdin_rate=sample_rate) as source:
        recogniser = load_recogniser(model, language=language, task=task, options=options)
        run_live(recogniser, source, sys.stdout, step_s=step, as_json=json)


def _serve(
    models: Sequence[str],
    where: tuple[str, int, Path | None, Sequence[str], Sequence[str]],
    limits: dict[str, Any],
    *,
    language: str | None,
    options: DecodingOptions | None = None,
    compare: bool = False,
) -> None:
    """Check all, take the port, load the models, answer until somebody ends it."""
    from speech_tl.screen import Screen, announce_loading
    from speech_tl.serving.opening import (
        listen,
        named_models,
        require_extra,
        require_recognisers,
        require_same_language,
    )

    require_extra()
    announce_loading()
    from speech_tl.serving.limits import Access, Limits, allowed, read_token

    host, port, token_file, hosts, origins = where
    sources = named_models(models)
    token = None if token_file is None else read_token(token_file)
    access = Access(allowed(hosts, origins, host), token)
    limited = require_recognisers(list(sources.values()))
    if compare:
        require_same_language(limited[0], limited[1], list(sources.values()))
    screen = Screen(new_console())
    with listen(host, port) as taken:
        from speech_tl.serving.server import Server
        from speech_tl.serving.service import Service
        from speech_tl.transcribing.recogniser import load_recogniser

        loaded = {
            name: load_recogniser(source, language=language, options=options, name=name)
            for name, source in sources.items()
        }
        if compare:
            before, after = (one.model.language for one in loaded.values())
            require_same_language(before, after, list(sources.values()))
        server = Server(Service(loaded, Limits(**limits), ("before", "after") if compare else None), access, taken)
        if access.warning:
            screen.line(access.warning)
        shown = f"{server.address}/" if compare else f"{server.address}/v1 (its description: {server.address}/docs)"
        screen.line(f"{'Open this page' if compare else 'Serving'} (Ctrl-C ends): {shown}")
        server.run()
        screen.line("Stopped; what was being worked on is done")
