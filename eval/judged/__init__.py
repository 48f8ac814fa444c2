"""Questions whose answers' places people have judged, and how well a search finds them."""
