//! The `relight` program: parse, run, exit code.

fn main() -> std::process::ExitCode {
    relight::cli::main()
}
