"""Reports as HTML pages that hold everything they show: one file a protocol."""
