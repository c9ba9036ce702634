"""Where tests let cameras be: on this machine, too."""

from haechi.ingest.reach import LOOPBACK, Reach

HERE = Reach(LOOPBACK)
resolve = HERE.resolve
