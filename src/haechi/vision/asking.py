"""People's questions about units that they have: a still, a sheet of stills, a look again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial

from haechi.base.errors import Invalid
from haechi.base.quarantine import Quarantine
from haechi.media.access_unit import AccessUnit, UnitRef, VideoParams
from haechi.vision.desk import AskDesk, again
from haechi.vision.messages import Analyse, Layout, Still, UnitIn, Work
from haechi.vision.programme import DEFAULT, KEYFRAMES, programme
from haechi.vision.result import FrameResult


class Asking:
    """Asks the desk.

    Args:
        check: Called before the first look with modules: raises when one of them is not to be had.
    """

    def __init__(self, desk: AskDesk, quarantine: Quarantine, check: Callable[[Collection[str]], object]) -> None:
        self._desk = desk
        self._quarantine = quarantine
        self._check = check

    async def still(
        self, units: Sequence[AccessUnit], params: VideoParams, width_px: int | None = None, quality: int = 80
    ) -> bytes:
        """JPEG of the last of ``units``; the first is a sync unit of the same GOP.

        Raises:
            Invalid: ``undecodable``: the units hold no picture; or they killed decoders before.
            Unavailable: ``vision-busy``: the desk worker did not answer in time.
        """
        if not units or not 1 <= quality <= 100 or (width_px is not None and not 16 <= width_px <= 4096):
            raise Invalid("a still needs units, a width of 16 to 4096 and a quality of 1 to 100", code="bad-still")
        wires = tuple(_wire(unit, looked_at=False) for unit in units)
        self._refuse_poison(wires)
        return await self._desk.still(wires, lambda job: Still(job, wires, params, width_px, quality))

    async def laid_out(
        self, pictures: Sequence[bytes], columns: int, cell_px: tuple[int, int], quality: int = 80
    ) -> bytes:
        """One JPEG of several, side by side in rows; an empty one leaves its cell black. One alone is made smaller.

        Args:
            pictures: JPEGs that this server made.
            cell_px: Width and height of each; height 0: as the first picture needs.

        Raises:
            Invalid: ``undecodable``: one is no picture.
            Unavailable: ``vision-busy``: the desk worker did not answer in time.
        """
        width_px, height_px = cell_px
        rows = -(-len(pictures) // max(1, columns))
        if not pictures or not 1 <= quality <= 100 or not 16 <= columns * width_px <= 4096 or rows * height_px > 4096:
            raise Invalid("a sheet is 16 to 4096 pixels wide, and 4096 high at most", code="bad-still")
        held = tuple(pictures)
        return await self._desk.still((), lambda job: Layout(job, held, columns, width_px, height_px, quality))

    async def infer(
        self,
        units: Sequence[AccessUnit],
        params: VideoParams,
        looks: Collection[UnitRef] | None = None,
        modules: Collection[str] = DEFAULT,
    ) -> list[FrameResult]:
        """Decode units again, GOP by GOP as they were decoded live, and look at those in ``looks`` (all when None).

        Args:
            modules: With which modules; those of key frames are left out.

        Results come in order of presentation, without tracks.

        Raises:
            Invalid: The units killed decoders before.
            Unavailable: The desk worker did not answer in time; or a model is missing.
        """
        wanted = programme(set(modules) - set(KEYFRAMES))
        if not self._desk.wants >= set(wanted):
            await asyncio.to_thread(self._check, wanted)
        results: list[FrameResult] = []
        for gop in _gops(units):
            wires = tuple(_wire(unit, looked_at=looks is None or unit.ref in looks) for unit in gop)
            self._refuse_poison(wires)
            make = partial(_again, wanted, wires, params)
            results.extend((await self._desk.look(wires, make, wanted)).results)
        return results

    def _refuse_poison(self, units: tuple[UnitIn, ...]) -> None:
        if any(self._quarantine.holds(unit.data) for unit in units):
            raise Invalid("these units ended decoders before and are not decoded again", code="quarantined")


def _again(modules: tuple[str, ...], units: tuple[UnitIn, ...], params: VideoParams, job: int) -> Work:
    return Work(job, again(job), units, params, drain=True, modules=modules, is_again=True)


def _wire(unit: AccessUnit, *, looked_at: bool) -> UnitIn:
    analyse: Analyse = "always" if looked_at else "no"
    return UnitIn(unit.ref, unit.pts, unit.captured_ns, unit.is_sync, unit.data, analyse)


def _gops(units: Sequence[AccessUnit]) -> list[list[AccessUnit]]:
    """Units cut before each sync unit; those before the first one cannot be decoded and are left out."""
    gops: list[list[AccessUnit]] = []
    for unit in units:
        if unit.is_sync:
            gops.append([unit])
        elif gops:
            gops[-1].append(unit)
    return gops
