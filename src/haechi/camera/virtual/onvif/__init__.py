"""An ONVIF device made of software: can be found, asked, moved and listened to, and made to misbehave."""
