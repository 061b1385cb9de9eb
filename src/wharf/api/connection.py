"""One connection: requests in, answers out in the same order, and its change of hands when it is hijacked.

While a request is being answered, later bytes are kept unread: they may be the next request or, after a hijack, the
stream's. So no byte is ever given to the wrong reader, whichever packet it came in.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from wharf.api.body import HIGH_WATER, Body, ChunkedFraming, ClientGone, LengthFraming
from wharf.api.duplex import HijackedStream
from wharf.api.errors import describe, error_response, logger, record_bug
from wharf.api.head import MAX_HEAD, BadHead, Head, parse_head
from wharf.api.messages import Answer, Hijack, Request, Response, Streaming
from wharf.api.presence import hung_up, notice_dead_peers
from wharf.api.sending import Outlet, whole_answer
from wharf.api.wire import CONTINUE, hijack_head, plain_refusal

if TYPE_CHECKING:
    from wharf.api.router import Found
    from wharf.api.server import ApiServer

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")

#: Bytes that a client may send ahead of its answers before we stop reading.
_AHEAD: Final = 64 * 1024
#: How long a client may take to read our last answer when we close with bytes of it unread.
_LINGER: Final = 2.0  # seconds
#: How often we look whether a client that sends no more is still there.
_WATCH: Final = 0.5  # seconds

_NO_BODY: Final = Body(LengthFraming(0), wanted=lambda: None, room=lambda: None)
_STILL: Final = Head()
_NOTHING: Final = Response()


class Connection(asyncio.Protocol):
    def __init__(self, server: "ApiServer") -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._head = _STILL
        self._head_text = b""  # what it was read from
        self._found: Found | Response = _NOTHING
        self._body = _NO_BODY
        self._buffer = b""  # received, not yet looked at
        self._out: list[bytes] = []  # small answers of one packet's requests, written together
        self._task: asyncio.Task[None] | None = None
        self._cancellable = False  # nobody but the client wants what the task does
        self._streaming = False  # the client waits for pieces
        self._hijacked: HijackedStream | None = None
        self._discarding = False
        self._eof = False
        self._reading = True
        self._outlet: Outlet = cast(Outlet, None)
        self.quiet = 0  # rounds of the server's sweep without a byte from the client

    # --- what the transport tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)
        self._outlet = Outlet(self._transport)
        if (sock := transport.get_extra_info("socket")) is not None:
            notice_dead_peers(sock)

    def data_received(self, data: bytes) -> None:
        self.quiet = 0
        if self._discarding:
            return
        if self._hijacked is not None:
            self._hijacked.feed(data)
            return
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        self._take(data)

    def eof_received(self) -> bool:
        self._eof = True
        if self._discarding:
            return False
        if self._hijacked is not None:
            self._hijacked.feed_eof()
        elif self._task is None and not self._outlet.full:
            return False
        else:
            self._body.fail(ClientGone())
        self._watch()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._discarding = True
        self._eof = True
        self.resume_writing()
        self._body.fail(ClientGone())
        if self._hijacked is not None:
            self._hijacked.lose()
        if self._task is not None and self._cancellable:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._outlet.pause()

    def resume_writing(self) -> None:
        self._outlet.resume()
        if self._task is None and not self._discarding and (self._buffer or self._eof):
            self._resume()

    # --- from bytes to requests

    def _take(self, data: bytes) -> None:
        at = 0
        while True:
            if not self._body.received:
                at = self._body.feed(data, at)
                if self._body.buffered > HIGH_WATER:
                    self._pause()
            while data.startswith(b"\r\n", at) and self._task is None:
                at += 2  # RFC 9112, 2.2: empty lines before a request are ignored
            if at >= len(data) or self._discarding:
                break
            if self._task is not None or self._outlet.full:
                self._keep(data[at:])
                break
            end = data.find(b"\r\n\r\n", at)
            if (end if end >= 0 else len(data)) - at > MAX_HEAD:
                self._refuse(BadHead(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
                break
            if end < 0:
                self._buffer = data[at:]
                break
            try:
                self._understand(data[at : end + 4])
                self._begin()
            except BadHead as error:
                self._refuse(error)
                break
            at = end + 4
        self._flush()

    def _keep(self, rest: bytes) -> None:
        self._buffer = rest
        if len(rest) > _AHEAD:
            self._pause()

    def _flush(self) -> None:
        if self._out:
            self._transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()

    def _refuse(self, error: BadHead) -> None:
        self._out.append(plain_refusal(error.status, str(error)))
        self._flush()
        self._close(unread=True)

    def _understand(self, text: bytes) -> None:
        """Reads a head and what it asks for. Clients repeat themselves: one like the last one says the same."""
        if text != self._head_text:
            head = parse_head(text)
            self._found = self._server.router.find(head.method, head.target)
            self._head, self._head_text = head, text

    def _begin(self) -> None:
        head, found = self._head, self._found
        self._body = self._open_body(head) if head.has_body else _NO_BODY
        if isinstance(found, Response):
            self._respond(found)
        elif found.awaits or head.has_body:
            self._flush()
            self._cancellable = head.method == "GET"
            self._task = asyncio.get_running_loop().create_task(self._serve(found))
        else:
            self._respond(self._answer_at_once(found))

    def _open_body(self, head: Head) -> Body:
        framing = ChunkedFraming() if head.chunked else LengthFraming(head.length)
        return Body(framing, wanted=self._invite, room=self._resume_reading)

    def _invite(self) -> None:
        if self._head.expects_continue:
            self._transport.write(CONTINUE)

    def _request(self, found: "Found", id: str = "") -> Request:
        head = self._head
        return Request(
            head.method,
            found.path,
            found.names,
            found.query,
            head.headers,
            found.version,
            self._body,
            head.upgrade.decode("latin-1"),
            id,
        )

    def _pause(self) -> None:
        if self._reading and not self._eof:
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and not self._eof:
            self._reading = True
            self._transport.resume_reading()

    # --- from requests to answers

    def _answer_at_once(self, found: "Found") -> Response:
        try:
            answer = found.operation.handler(self._server.engine, self._request(found))
            assert isinstance(answer, Response), "an operation that does not wait answers whole"
            return answer
        except Exception as error:
            return self._error(error)

    async def _serve(self, found: "Found") -> None:
        """One request in a task of its own, to the end of its answer."""
        request = self._request(found, self._server.new_request_id())
        REQUEST_ID.set(request.id)
        clean = False
        try:
            await self._deliver(await self._ask(found, request), request)
            clean = True
            logger.debug("%s %s was answered", request.method, request.path)
        except ClientGone:
            pass  # the client is gone: nobody is left to be told
        except Exception as error:
            # Behind the head: only a cut connection can tell the client that this is not all.
            record_bug(error, f"{request.method} {request.path}")
            self._transport.abort()
        finally:
            self._task = None
            self._cancellable = self._streaming = False
            if clean and self._hijacked is None:
                self._next()
            else:
                self._close(unread=self._hijacked is not None and not self._eof)

    async def _ask(self, found: "Found", request: Request) -> Answer:
        try:
            answer = found.operation.handler(self._server.engine, request)
            return answer if isinstance(answer, Response | Streaming | Hijack) else await answer
        except Exception as error:
            return self._error(error)

    def _error(self, error: Exception) -> Response:
        if isinstance(error, ClientGone):
            raise error
        record_bug(error, f"{self._head.method} {self._head.target.decode('latin-1')}")
        return error_response(*describe(error))

    async def _deliver(self, answer: Answer, request: Request) -> None:
        if isinstance(answer, Streaming):
            self._cancellable = self._streaming = True
            if self._lost_or_gone():
                answer.abandon()
                raise ClientGone
            failed = await self._stream(answer)
            if failed is None:
                return
            answer = failed
        if isinstance(answer, Hijack):
            self._cancellable = True
            await self._hand_over(answer, request)
        elif not self._transport.is_closing():
            self._respond(answer)
            self._flush()

    def _respond(self, answer: Response) -> None:
        keep = self._keeps_alive()
        self._out.append(whole_answer(answer, self._head, keep_alive=keep))
        if not keep and self._task is None:
            self._flush()
            self._close(unread=not self._body.received)

    def _keeps_alive(self) -> bool:
        return self._head.keep_alive and self._body.received and not self._body.broken and not self._server.closing

    async def _stream(self, answer: Streaming) -> Response | None:
        """Sends the pieces. An error before the head is an answer of its own, and returned."""
        pieces = answer.pieces
        first = b""
        try:
            if not answer.at_once:
                try:
                    async for first in pieces:
                        if first:
                            break
                except Exception as error:
                    return self._error(error)
            await self._outlet.send_stream(answer, self._head, first, pieces)
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        return None

    async def _hand_over(self, answer: Hijack, request: Request) -> None:
        if self._transport.is_closing():
            answer.abandon()
            raise ClientGone
        stream = HijackedStream(self._outlet)
        self._transport.write(
            answer.head or hijack_head(answer.content_type, upgrade=request.upgrade, http_minor=self._head.http_minor)
        )
        early, self._buffer = self._buffer, b""
        self._resume_reading()
        stream.feed(early)
        if self._eof:
            stream.feed_eof()
        self._hijacked = stream
        await answer.serve(stream)

    # --- between requests, and the end

    def _next(self) -> None:
        """After an answer: the next request, if one came already."""
        if self._transport.is_closing():
            return
        if not self._keeps_alive() or (self._eof and not self._buffer):
            self._close(unread=not self._body.received)
            return
        self._resume()

    def _resume(self) -> None:
        data, self._buffer = self._buffer, b""
        self._resume_reading()
        self._take(data)
        if self._eof and self._task is None and not self._outlet.full:
            self._close(unread=False)

    def _close(self, *, unread: bool) -> None:
        """Closes once all is sent. With bytes `unread` a plain close could destroy our answer on its way (a TCP
        reset), so we say that we send no more and wait for the client's end, but not long."""
        if self._transport.is_closing():
            return
        self._discarding = True
        if not unread or self._eof:
            self._transport.close()
            return
        self._resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, self._transport.close)

    def sweep(self, limit: int) -> None:
        """One round of the server's sweep: a client that is quiet for more than `limit` rounds has to come again."""
        if self._task is None:
            self.quiet += 1
            if self.quiet > limit:
                # Once politely; who has not read our last words by the next round never will.
                (self._transport.abort if self._transport.is_closing() else self._transport.close)()

    def shut(self) -> asyncio.Task[None] | None:
        """The server stops: an idle connection closes; else the task that is still at work."""
        if self._task is None:
            self._transport.close()
        return self._task

    def abort(self) -> None:
        self._transport.abort()

    def _watch(self) -> None:
        """After the client's end of stream. It may still read (half-close), so only a full hang-up is its end."""
        if self._transport.is_closing():
            return
        if self._lost_or_gone():
            self._transport.abort()
        else:
            asyncio.get_running_loop().call_later(_WATCH, self._watch)

    def _lost_or_gone(self) -> bool:
        if self._transport.is_closing():
            return True
        return self._eof and hung_up(self._transport.get_extra_info("socket"), streaming=self._streaming)
