"""The documentation as a site: the repository's own pages, as they lie there, with every file that they link to."""
