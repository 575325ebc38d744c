//! The program from outside: every promise is tried on the binary, on real files, with stock tools as second readers.
#![allow(missing_docs, unreachable_pub, reason = "nobody but these tests uses it")]

mod support;

mod changing;
mod cli;
mod crossing;
mod floats;
mod help;
mod hostile_admission;
mod hostile_bombs;
mod hostile_catalogue;
mod hostile_content;
mod hostile_index;
mod hostile_paths;
mod hostile_seal;
mod interrupted;
mod killed;
mod looking;
mod media;
mod media_capacity;
mod media_probe;
mod mending;
mod offline;
mod pulled;
mod readme;
mod repairing;
mod roles;
mod round_trip;
mod shapes;
mod source;
mod stock_age;
mod stock_parity;
mod stock_tools;
mod tamper_admission;
mod tamper_extras;
mod tamper_log;
mod tamper_medium;
mod tamper_sealed;
mod tamper_signatures;
mod tamper_trust;
mod tamper_vault;
mod trusting;
mod volumes;
mod waiting;
