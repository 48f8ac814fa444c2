"""What each format needs besides the document parser: kinds, containers, repairs."""
