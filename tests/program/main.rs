//! The program from the outside: what a person types, what it answers, and what it leaves on disk.

mod again;
mod bad_input;
mod calibrate;
mod commands;
mod determinism;
mod fixtures_truth;
mod image;
mod kinetic;
mod machine;
mod motion;
mod paper;
mod relative;
mod sarcoma;
mod schedule;
mod study;
mod surveillance;
