//! The program from outside: every promise is tried on the binary, on real files, with stock tools as second readers.
#![allow(missing_docs, unreachable_pub, reason = "nobody but these tests uses it")]

mod support;

mod crossing;
mod readme;
