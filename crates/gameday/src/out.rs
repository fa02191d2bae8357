//! Printing that outlives its reader.
//!
//! The standard macros panic when nobody reads any more, as in `gameday list | head -1` or on a terminal that was
//! closed. Here the rest is left unsaid, and the command goes on: it may have faults to heal, and its exit code is
//! still worth something. These macros have the standard names, and come first among the modules, so that nobody
//! can take the wrong ones.

use std::{
    fmt::Arguments,
    io::{Write, stderr, stdout},
};

/// Writes to standard output, if somebody reads it.
pub(crate) fn out(text: Arguments<'_>) {
    // Whatever the reason, there is nobody left to be told.
    let _ = stdout().lock().write_fmt(text);
}

/// Writes to standard error, if somebody reads it.
pub(crate) fn err(text: Arguments<'_>) {
    let _ = stderr().lock().write_fmt(text);
}

macro_rules! print {
    ($($text:tt)*) => { $crate::out::out(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::out::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::out::out(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    () => { $crate::out::err(format_args!("\n")) };
    ($($text:tt)*) => { $crate::out::err(format_args!("{}\n", format_args!($($text)*))) };
}
