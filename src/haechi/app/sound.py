"""Who makes recorded sound playable: what live viewers get of G.711 is what clips and the player get."""

from haechi.live.transcode import Transcoder, opus_of
from haechi.record.playback.sound import Recoding

RECODING = Recoding(opus_of, Transcoder)
