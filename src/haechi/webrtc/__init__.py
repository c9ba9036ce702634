"""One UDP port for browsers that publish or watch: ICE lite, DTLS, SRTP."""
