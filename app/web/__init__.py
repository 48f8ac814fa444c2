"""The web page: plain HTML, CSS and JavaScript, served by the API."""
