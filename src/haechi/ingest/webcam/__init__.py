"""Cameras in this machine (V4L2, DirectShow, AVFoundation), read by a process of their own."""
