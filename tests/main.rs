//! The program from outside: every promise is tried on the binary, on real files, with stock tools as second readers.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]

mod support;

mod crossing;
