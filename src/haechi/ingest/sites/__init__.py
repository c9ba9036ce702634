"""Videos and live pictures of web sites, found and fetched by yt-dlp in a process of its own."""
