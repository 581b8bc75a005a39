//! relight
fn main() {}
