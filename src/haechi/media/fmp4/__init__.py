"""Fragmented MP4 (ISO/IEC 14496-12): one muxer for live chunks and recorded fragments, and the reader of our files."""
