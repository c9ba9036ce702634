"""WebRTC as bytes and values: STUN and ICE lite, session descriptions, feedback, reordering."""
