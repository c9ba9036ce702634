"""Lets exports write the time into pictures: the recording stage and the vision stage do not know each other."""

from collections.abc import AsyncIterator

from haechi.media.access_unit import VideoParams
from haechi.record.exports.burned import Marked, Redone
from haechi.vision.burn.burner import burn as burn_units
from haechi.vision.burn.messages import BurnUnit


async def burn(params: VideoParams, gops: AsyncIterator[tuple[Marked, ...]]) -> AsyncIterator[Redone]:
    """See `haechi.record.exports.burned.Burn`."""

    async def handed() -> AsyncIterator[tuple[BurnUnit, ...]]:
        async for gop in gops:
            yield tuple(BurnUnit(unit.pts, unit.data, unit.text) for unit in gop)

    async for unit in burn_units(params, handed()):
        yield Redone(unit.pts, unit.is_sync, unit.data, unit.params)
