//! Features: cells, the one fold that updates them, and the functions that read them.
