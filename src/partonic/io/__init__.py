"""Readers and writers, one file a format; ``formats`` recognises a file by its content."""
