"""Modules that run in a process of their own, as the result socket asks for them: pose, and what others install."""

from __future__ import annotations

from collections.abc import Callable

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.bus.frames import Run
from haechi.ingest.rtp_push.modules import Attention, Listener, Verdict
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.modules.contract import Spec
from haechi.vision.modules.hosted import Hosted
from haechi.vision.modules.messages import HostSetup, Saw


class HostedModule:
    """See `haechi.ingest.rtp_push.modules.Module`.

    Args:
        made: Gives the first message for a process; may read files.
    """

    def __init__(self, name: str, made: Callable[[], HostSetup], clock: Clock, deadline_s: float) -> None:
        self._name = name
        self._hosted = Hosted(name, made, clock, deadline_s, every_picture=True)
        self.link = self._hosted.link

    async def run(self) -> None:
        """Until cancelled."""
        await self._hosted.run()

    async def prepare(self) -> None:
        """See `Module`."""
        spec = await self._hosted.prepare()
        if spec.kind == "track" or spec.needs:
            message = "this module judges what the server follows on its cameras; switch it on there"
            raise Unavailable(message, code="module-for-cameras", module=self._name)

    def attend(self, run: Run, listener: Listener) -> Attention:
        """See `Module`."""
        sink = _Sink(listener, lambda: self._hosted.forget_stream(run.stream))
        spec = self._hosted.spec or Spec(self._name)
        attending = self._hosted.attend(f"{run.stream}#{run.number}", run.stream, spec, sink)
        return _Attention(run, attending.unit, attending.end, attending.drop)


class _Sink:
    """What the module says, in the words of the result socket."""

    def __init__(self, listener: Listener, forget: Callable[[], None]) -> None:
        self.failed = listener.failed
        self._listener = listener
        self._forget = forget

    def saw(self, ref: UnitRef, saw: Saw) -> None:
        """See `Sink`."""
        self._listener.judged(Verdict(ref, saw.captured_ns, saw.boxes, saw.width_px, saw.height_px))

    def ended(self) -> None:
        """See `Sink`."""
        self._forget()
        self._listener.ended()

    def broke_off(self, error: HaechiError) -> None:
        """See `Sink`."""
        self._listener.broke_off(error)


class _Attention:
    """One run: its units know their parameters by their place in it."""

    def __init__(
        self,
        run: Run,
        give: Callable[[AccessUnit, VideoParams], None],
        end: Callable[[], None],
        drop: Callable[[], None],
    ) -> None:
        self._run = run
        self._give = give
        self.end = end
        self.drop = drop

    def unit(self, unit: AccessUnit) -> None:
        """See `Attention`."""
        params = self._run.params[unit.params]
        assert isinstance(params, VideoParams)
        self._give(unit, params)
