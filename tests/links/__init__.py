"""Bad networks: two network namespaces, and between them a wire made of software that loses, delays and forgets."""
